import type { PresignBatchRequest } from './types/presignd/v1/PresignBatchRequest';
import type { PresignBatchResponse__Output } from './types/presignd/v1/PresignBatchResponse';
import type { PresignPostRequest } from './types/presignd/v1/PresignPostRequest';
import type { PresignPostResponse__Output } from './types/presignd/v1/PresignPostResponse';
import type { PresignRequest } from './types/presignd/v1/PresignRequest';
import type { PresignResponse__Output } from './types/presignd/v1/PresignResponse';
import type { SignerClient } from './types/presignd/v1/Signer';

/** Milliseconds to wait for an answer; 30,000 when left out. */
export interface Patience { timeout?: number }

/** A connection to the daemon's signing socket. */
export interface Daemon {
  Presign(request: PresignRequest, patience?: Patience): Promise<PresignResponse__Output>;
  PresignBatch(request: PresignBatchRequest, patience?: Patience): Promise<PresignBatchResponse__Output>;
  PresignPost(request: PresignPostRequest, patience?: Patience): Promise<PresignPostResponse__Output>;
  /** The stub itself, for streams. */
  client: SignerClient;
  close(): void;
}

/** Connects to `socket`, a path or a `unix:` address; else to $PRESIGND_SOCKET, else to the nearest daemon. Throws a
 * PresigndError for a `unix-abstract:` address, of which grpc-js knows nothing. */
export function connect(socket?: string): Daemon;

/** The gRPC target of that socket. */
export function address(socket?: string): string;

/** What presignd refused or could not do. No URL was signed. */
export class PresigndError extends Error {
  /** Stable (docs/errors.md), such as SESSION_TOO_SHORT; empty where no daemon answered. */
  readonly reason: string;
  /** gRPC's. */
  readonly code?: number;
  readonly metadata: Record<string, string>;
  /** Seconds to wait, often less than one, where that helps. */
  readonly retryAfter?: number;
}

export interface GetSignedUrlOptions extends Patience {
  /** Seconds; 900 when left out. */
  expiresIn?: number;
  /** Takes a URL that lives so many seconds at least, where expiresIn cannot be had. Left out: refuses it. */
  atLeast?: number;
  signableHeaders?: Set<string>;
  unhoistableHeaders?: Set<string>;
  hoistableHeaders?: Set<string>;
  socket?: string;
  identity?: string;
  /** For whom the program asks. Recorded. */
  onBehalfOf?: string;
  labels?: Record<string, string>;
}

/** As that of @aws-sdk/s3-request-presigner, signed by the daemon. */
export function getSignedUrl(
  client: { middlewareStack: any; config: any },
  command: { input: any; resolveMiddleware: any },
  options?: GetSignedUrlOptions,
): Promise<string>;
