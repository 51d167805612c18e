/**
 * An error with a stable code. Codes of the server: unauthenticated, forbidden,
 * not_found, bad_request, too_many_subscriptions, overloaded, and those of the REST
 * API (no_file, not_ready, not_allowed, ...). Codes of this client: network (no
 * answer), bad_answer (not rollcall's), aborted, no_websocket, closed, token_source
 * (the token function threw anything but a RollcallError).
 */
export class RollcallError extends Error {
  readonly code: string;
  /** The HTTP status of a REST answer, else 0. */
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string, message: string,
    options: { status?: number; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "RollcallError";
    this.code = code;
    this.status = options.status ?? 0;
    this.details = options.details ?? {};
  }
}

export function unauthenticated(cause?: unknown): RollcallError {
  const message = "You are not signed in, or your session has expired. Please sign in again.";
  return new RollcallError("unauthenticated", message, { cause });
}
