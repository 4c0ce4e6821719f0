/** React: a component that changes as soon as the hub says so. */

import { createClient } from "portcullis-client";
import { PortcullisProvider, useClient, useHubEvent, usePermission, useSnapshot } from "portcullis-client/react";

const hub = createClient({ url: "https://auth.example.org", tabs: "share" });

function Account() {
  const { status, user } = useSnapshot();
  const { signOut } = useClient();
  const mayEdit = usePermission("orders:write");
  useHubEvent("event", ({ name }) => console.log(name));
  if (status === "unknown") return <p>…</p>;
  if (status === "signedOut") return <p>Please sign in.</p>;
  return (
    <p>
      {mayEdit ? <a href="/orders/edit">Edit</a> : null}
      <button onClick={() => void signOut()}>Sign {user?.email} out</button>
    </p>
  );
}

export function App() {
  return (
    <PortcullisProvider client={hub}>
      <Account />
    </PortcullisProvider>
  );
}
