export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Streams; a body is never buffered as a whole. Leaving the loop early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** HTTP(S) as a client. @throws {AgentError} TRANSPORT_FAILED */
export interface Transport {
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /** Closes idle connections. */
  close(): Promise<void>;
}
