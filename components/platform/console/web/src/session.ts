// The session: a token in the tab's storage, pasted or from the issuer.

export interface Oidc {
  issuer: string;
  client_id: string;
  scope: string;
  token: "access" | "id";
}

const TOKEN = "orilla.token";
const PENDING = "orilla.oidc";

type Claims = Record<string, unknown>;

export const token = (): string | null => sessionStorage.getItem(TOKEN);
export const keep = (value: string): void => sessionStorage.setItem(TOKEN, value);
export const forget = (): void => sessionStorage.removeItem(TOKEN);

/** The claims of a token, unchecked: they only decide what is shown. */
export function claims(value: string | null): Claims {
  try {
    const part = (value ?? "").split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const found: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof found === "object" && found !== null ? (found as Claims) : {};
  } catch {
    return {};
  }
}

export function roles(value: string | null): string[] {
  const { roles, scope } = claims(value);
  const words = (text: unknown) => (typeof text === "string" ? text.split(/\s+/).filter(Boolean) : []);
  if (Array.isArray(roles)) return roles.filter((role): role is string => typeof role === "string");
  if (typeof roles === "string") return [roles];
  return words(scope);
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));
const callback = (): string => `${location.origin}/console`;

interface Discovery {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

async function discover(oidc: Oidc): Promise<Discovery> {
  const url = `${oidc.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  let answer: Response;
  try {
    answer = await fetch(url);
  } catch {
    throw new Error(`The issuer cannot be reached at ${url}. It must allow this origin by CORS.`);
  }
  if (!answer.ok) throw new Error(`The issuer answered ${answer.status} for ${url}.`);
  const found = (await answer.json()) as Discovery;
  if (found.issuer.replace(/\/$/, "") !== oidc.issuer.replace(/\/$/, ""))
    throw new Error(`The issuer names itself ${found.issuer}: set oidc_issuer to that.`);
  return found;
}

/** Leaves for the issuer (authorization code with PKCE, RFC 7636). */
export async function begin(oidc: Oidc): Promise<void> {
  if (!crypto.subtle) throw new Error("Signing in needs HTTPS (or localhost).");
  const found = await discover(oidc);
  const pending = { state: random(), nonce: random(), verifier: random(), hash: location.hash };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const target = new URL(found.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: oidc.client_id,
    redirect_uri: callback(),
    scope: oidc.scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
  location.assign(target.href);
}

/** Takes the code that the issuer sent in the address, if it did. */
export async function finish(oidc: Oidc | null): Promise<void> {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state") && !answer.has("code") && !answer.has("error")) return;
  const kept = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  const pending = kept === null ? null : (JSON.parse(kept) as Record<string, string>);
  // The code must not stay in the address bar, nor in the history.
  history.replaceState(null, "", `/console${pending?.["hash"] ?? ""}`);
  if (!oidc) return;
  if (!pending || answer.get("state") !== pending["state"])
    throw new Error("The answer of the issuer does not belong to this tab. Sign in again.");
  const refused = answer.get("error");
  if (refused) throw new Error(`The issuer refused: ${answer.get("error_description") ?? refused}`);
  const found = await discover(oidc);
  const exchanged = await fetch(found.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: answer.get("code") ?? "",
      redirect_uri: callback(),
      client_id: oidc.client_id,
      code_verifier: pending["verifier"] ?? "",
    }),
  });
  const tokens = (await exchanged.json().catch(() => ({}))) as Record<string, string>;
  if (!exchanged.ok)
    throw new Error(`The issuer gave no token: ${tokens["error_description"] ?? tokens["error"] ?? exchanged.status}`);
  // It came from the issuer itself over its own connection, so its signature adds nothing
  // (OpenID Connect Core, 3.1.3.7).
  const id = claims(tokens["id_token"] ?? null);
  const audience = Array.isArray(id["aud"]) ? id["aud"] : [id["aud"]];
  if (id["nonce"] !== pending["nonce"] || id["iss"] !== found.issuer || !audience.includes(oidc.client_id))
    throw new Error("The id token of the issuer is not for this sign-in. Sign in again.");
  const chosen = tokens[oidc.token === "id" ? "id_token" : "access_token"];
  if (!chosen) throw new Error(`The issuer gave no ${oidc.token} token.`);
  keep(chosen);
}
