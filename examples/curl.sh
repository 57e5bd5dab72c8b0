#!/bin/sh
# Asks the daemon for a URL without a program: the daemon tells buf by reflection what it can be asked.
# usage: curl.sh BUCKET KEY SECONDS
#
# The same with grpcurl: grpcurl -plaintext -unix -d '{…}' "$PRESIGND_SOCKET" presignd.v1.Signer/Presign
set -eu
asked='{"request": {"operation": "OPERATION_GET_OBJECT", "bucket": "%s", "key": "%s"}, "expires_in": "%ss"}'
buf curl --unix-socket "$PRESIGND_SOCKET" --protocol grpc --http2-prior-knowledge -d "$(printf "$asked" "$@")" \
  http://localhost/presignd.v1.Signer/Presign
