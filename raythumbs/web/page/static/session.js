// Who is signed in, and the form to sign in. A service without keys needs none of it.

import { html, Store, useEffect, useRef, useState, useStore } from "./base.js";
import { ask, drop, explained, get, whenUnauthorised } from "./api.js";
import { connect, disconnect } from "./live.js";
import { Action } from "./widgets.js";

/** What `GET /session` says; null until it was told. `trouble` is why it could not be asked. */
export const session = new Store(null);
export const trouble = new Store(null);

const TRY_AGAIN_MS = 3000;
const LOADED_AGAIN = "raythumbs: loaded again for pictures";

/** Return whether the person may do what the scope stands for. */
export function may(scope) {
  const { keysNeeded, scopes } = session.value ?? { keysNeeded: true, scopes: [] };
  return !keysNeeded || scopes.includes(scope) || scopes.includes("admin");
}

/** Return whether the page can be shown, or the form to sign in. */
export const isIn = () => session.value && (!session.value.keysNeeded || session.value.name !== null);

/** Ask who is signed in, until the service answers. */
export async function begin() {
  try {
    enter(await get("session"));
    trouble.set(null);
  } catch (error) {
    trouble.set(explained(error));
    setTimeout(begin, TRY_AGAIN_MS);
  }
}

function enter(told) {
  session.set(told);
  if (isIn() && may("read")) connect();
  else disconnect();
}

async function signIn(key) {
  enter(await ask("session", { method: "POST", body: { key } }));
}

/** End the session, and forget everything that was shown with it: the page is loaded anew. */
async function signOut() {
  await drop("session");
  sessionStorage.removeItem(LOADED_AGAIN);
  location.reload();
}

whenUnauthorised(() => {
  if (session.value?.name) enter({ ...session.value, name: null, scopes: [] }); // it has expired, or the keys changed
});

/** The page's policy names where thumbnails are only to who may see them. Somebody who has just signed in, or came by a
 * link of another site, loads the page once more. */
addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
  if (effectiveDirective !== "img-src" || sessionStorage.getItem(LOADED_AGAIN)) return;
  sessionStorage.setItem(LOADED_AGAIN, "yes");
  location.reload();
});

/** The form to sign in with a key. */
export function SignIn() {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(field.current.value.trim());
    } catch (refused) {
      setError(explained(refused));
      setBusy(false);
      field.current.select();
    }
  };
  return html`<main class="sign-in" id="main">
    <form class="card" onSubmit=${submit} aria-labelledby="sign-in-title">
      <img src="page/icon.svg" alt="" width="48" height="48" />
      <h1 id="sign-in-title">Sign in to raythumbs</h1>
      <p class="quiet">With an API key of this service. Your browser keeps a cookie for twelve hours, and not the key.</p>
      <input type="text" autocomplete="username" value="raythumbs" hidden readonly />
      <label for="key">API key</label>
      <input id="key" ref=${field} type="password" autocomplete="current-password" spellcheck="false" required
        aria-invalid=${error ? "true" : null} aria-describedby="sign-in-error" placeholder="rt_…" />
      <p id="sign-in-error" class="field-error" role="alert">${error}</p>
      <button class="button primary" disabled=${isBusy}>Sign in</button>
      <p class="quiet small">No key yet? <code>raythumbs keys new NAME</code> makes one.${" "}
        <a href="manual/security#api-keys">The manual</a> says more.</p>
    </form>
  </main>`;
}

/** Who is signed in, and the way out. */
export function Person() {
  const { name, keysNeeded } = useStore(session);
  if (!keysNeeded) return null;
  return html`<span class="quiet person" title="The name of the key">${name}</span>
    <${Action} kind="plain" onDo=${signOut}>Sign out<//>`;
}
