/** The one way to the server: typed by its own description, with the key sent and refusals thrown. */
import createClient, { type Middleware } from "openapi-fetch";
import { authorization } from "./key";
import { refusal, unreachable } from "./problem";
import type { paths } from "./schema";

const withKey: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
    return request;
  },
  async onResponse({ response }) {
    if (response.ok) return response;
    throw await refusal(response);
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
