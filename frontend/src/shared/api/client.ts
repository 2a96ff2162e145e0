/** The one way to the server: typed by its own description, with the key sent and refusals thrown. */
import createClient, { type Middleware } from "openapi-fetch";
import { forgetKey, storedKey } from "./key";
import { ProblemError, unreachable } from "./problem";
import type { paths } from "./schema";

const withKey: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
    return request;
  },
  async onResponse({ response }) {
    if (response.ok) return response;
    if (response.status === 401) forgetKey();
    throw await ProblemError.of(response);
  },
  onError({ error }) {
    return error instanceof DOMException && error.name === "AbortError" ? error : unreachable();
  },
};

export const api = createClient<paths>({
  baseUrl: location.origin,
  fetch: (request) => fetch(request), // the one of the moment: tests have their own
});
api.use(withKey);

/** What a call answered with; refusals were thrown on the way. */
export async function answered<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** The headers that say who asks, for requests that the typed client cannot make. */
export function authorization(): Record<string, string> {
  const key = storedKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
