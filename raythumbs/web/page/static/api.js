// Requests to the service. Addresses are relative, so the page works below any prefix of a proxy.

/** A refusal of the service, or none at all: then `status` is 0. */
export class Refused extends Error {
  constructor(status, code, reason) {
    super(reason);
    this.status = status;
    this.code = code;
  }
}

const PATIENCE_MS = 20000; // a connection may be lost without a word

let onUnauthorised = () => {};

/** Say what to do when the service asks for a key. */
export function whenUnauthorised(callback) {
  onUnauthorised = callback;
}

/** Send a request; return the JSON of the reply. Throws Refused. */
export async function ask(path, { method = "GET", body } = {}) {
  const init = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  init.signal = AbortSignal.timeout(PATIENCE_MS);
  if (body !== undefined) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let reply, text;
  try {
    reply = await fetch(path, init);
    text = await reply.text();
  } catch {
    throw new Refused(0, "unreachable", "the service does not answer");
  }
  return read(reply.status, text);
}

/** Return what a reply says, or throw Refused. */
export function read(status, text) {
  const said = parsed(text);
  if (status >= 200 && status < 300) return said;
  if (status === 401) onUnauthorised();
  throw new Refused(status, said?.code ?? "internal", said?.reason ?? `the service answered ${status}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // nothing, or a proxy's page
  }
}

export const get = (path) => ask(path);
export const post = (path, body) => ask(path, { method: "POST", body });
export const drop = (path) => ask(path, { method: "DELETE" });

/** A path with a query. Values that are null are left out. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return `${path}?${new URLSearchParams(given)}`;
}

/** A sentence about an error, for people. */
export function explained(error) {
  if (!(error instanceof Refused)) throw error; // a mistake of this page: it belongs in the console
  const reason = error.message;
  return reason.charAt(0).toUpperCase() + reason.slice(1) + (/[.!?]$/.test(reason) ? "" : ".");
}
