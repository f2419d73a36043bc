export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent byte for byte, text as UTF-8, with its Content-Length. */
  readonly body?: string | Uint8Array;
  /**
   * For downloads: up to 10 redirects of a GET are followed, without credentials to another origin and never from
   * https to http. Otherwise a redirect is an answer like any other.
   */
  readonly followRedirects?: boolean;
  /** Time for the whole of the request and its answer, so that one that drips does not hold anybody up either. */
  readonly limitMs?: number;
}

export interface TransportResponse {
  readonly status: number;
  /** By lower-case name; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Streams; a body is never buffered as a whole. A chunk is valid until the next one is asked for. Every body is to
   * be read to its end or left: leaving the loop, or `return` of its iterator, closes the connection.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * HTTP(S) as a client.
 *
 * @throws {AgentError} TRANSPORT_FAILED, TRANSPORT_PROXY, TRANSPORT_ADDRESS; SERVER_TIMEOUT when `limitMs` have passed
 */
export interface Transport {
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /** Closes idle connections. */
  close(): Promise<void>;
}
