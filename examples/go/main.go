// Asks the daemon for a URL, and says how long it lives. usage: presign BUCKET KEY SECONDS
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	presignd "presignd/v1"
)

func main() {
	bucket, key := os.Args[1], os.Args[2]
	seconds, _ := strconv.ParseInt(os.Args[3], 10, 64)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := grpc.DialContext(ctx, target(os.Getenv("PRESIGND_SOCKET")), grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		fail(err)
	}
	defer connection.Close()
	answer, err := presignd.NewSignerClient(connection).Presign(ctx, &presignd.PresignRequest{
		Request:   &presignd.S3Request{Operation: presignd.Operation_OPERATION_GET_OBJECT, Bucket: bucket, Key: key},
		ExpiresIn: &durationpb.Duration{Seconds: seconds},
	})
	if err != nil {
		fail(err)
	}
	fmt.Println(answer.Url)
	fmt.Fprintln(os.Stderr, "usable until", answer.UsableUntil.AsTime(), answer.LimitedBy)
}

// A socket is a path, or a target already: unix:/run/…, unix-abstract:presignd.
func target(socket string) string {
	if strings.HasPrefix(socket, "unix:") || strings.HasPrefix(socket, "unix-abstract:") {
		return socket
	}
	return "unix:" + socket
}

// What the daemon refused has a stable reason; docs/errors.md lists them.
func fail(err error) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Fprintln(os.Stderr, info.Reason)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
