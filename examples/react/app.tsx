import { type FormEvent, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient, PortcullisError } from "portcullis-client";
import { PortcullisProvider, useClient, useHubEvent, usePermission, useSnapshot } from "portcullis-client/react";

const hub = createClient({ url: "http://127.0.0.1:8080" });

function Account() {
  const { status, user, state } = useSnapshot();
  const { signOut } = useClient();
  const mayEdit = usePermission("orders:write");
  if (status === "unknown") return <p>…</p>;
  if (status === "signedOut") return <SignIn />;
  return (
    <>
      <p role="status">{user?.email}: {state?.role ?? "…"}</p>
      {mayEdit && <button>Edit orders</button>}
      <button onClick={() => signOut()}>Sign out</button>
    </>
  );
}

function SignIn() {
  const { signIn } = useClient();
  const [text, setText] = useState("Please sign in.");
  useHubEvent("signedOut", ({ message }) => message && setText(message));

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    try {
      await signIn({ email: String(fields.get("email")), password: String(fields.get("password")) });
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      setText(error.code === "invalid_credentials" ? "Wrong address or password." : error.message);
    }
  }

  return (
    <form onSubmit={submit}>
      <p role="status">{text}</p>
      <input name="email" type="email" autoComplete="username" aria-label="E-mail" required />
      <input name="password" type="password" autoComplete="current-password" aria-label="Password" required />
      <button>Sign in</button>
    </form>
  );
}

createRoot(document.getElementById("app")!).render(
  <PortcullisProvider client={hub}>
    <Account />
  </PortcullisProvider>,
);
