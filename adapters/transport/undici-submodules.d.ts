// The package has types for its main entry only, which would bring all of it into the bundle.

declare module "undici/lib/dispatcher/agent.js" {
  import { Agent } from "undici";
  // biome-ignore lint/style/noDefaultExport: it describes a CommonJS module of somebody else.
  export default Agent;
}

declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici";
  /** Called with the dispatcher as `this`. */
  // biome-ignore lint/style/noDefaultExport: it describes a CommonJS module of somebody else.
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
