// Requests to the application.

import { forget, token } from "./session";

/** A refusal of the application, in its own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly request: string,
  ) {
    super(message);
  }
}

/** What is called when a token is refused. */
export const listeners = { refused: (_: Refusal): void => {} };

export async function call<T>(path: string, method = "GET", body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  const held = token();
  if (held) headers["authorization"] = `Bearer ${held}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal(0, "unreachable", "The application cannot be reached.", "");
  }
  const text = await answer.text();
  let told: unknown = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = text;
  }
  if (answer.ok) return told as T;
  const { error, code } = (told ?? {}) as { error?: string; code?: string };
  const refusal = new Refusal(
    answer.status,
    code ?? "",
    error ?? `The answer was ${answer.status}.`,
    answer.headers.get("x-request-id") ?? "",
  );
  if (answer.status === 401 && code !== "not_your_image" && held === token()) {
    forget();
    listeners.refused(refusal);
  }
  throw refusal;
}

export const post = <T,>(path: string, body?: unknown): Promise<T> => call<T>(path, "POST", body);
export const seg = encodeURIComponent;

export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== null && value !== undefined && value !== "") search.append(name, String(value));
  const text = search.toString();
  return text ? `?${text}` : "";
}
