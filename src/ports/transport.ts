export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent byte for byte (text as UTF-8), with its Content-Length. */
  readonly body?: string | Uint8Array;
  /**
   * For downloads: follows up to 10 redirects of a GET, without credentials to another origin and never from https to
   * http. Otherwise a redirect is returned like any other response.
   */
  readonly followRedirects?: boolean;
  /** Time limit for the whole request and response. It also ends a response that trickles in. */
  readonly limitMs?: number;
}

export interface TransportResponse {
  readonly status: number;
  /** Keyed by lower-case name; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Streams the body; it is never buffered as a whole. A chunk is valid until the next one is requested. The caller
   * must read every body to its end or leave it: leaving the loop, or the iterator's `return`, closes the connection.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * An HTTP(S) client.
 *
 * @throws {AgentError} TRANSPORT_FAILED, TRANSPORT_PROXY, TRANSPORT_ADDRESS; SERVER_TIMEOUT after `limitMs`
 */
export interface Transport {
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /** Closes idle connections. */
  close(): Promise<void>;
}
