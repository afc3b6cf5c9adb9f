// Who can sign in, and what the scopes tell of them.
const people = [
  { name: "alice", title: "Alice Adams", groups: ["staff", "admins"] },
  { name: "bob", title: "Bob Brown", groups: ["staff"] },
  { name: "carol", title: "Carol Chen", groups: [] },
];

export const accounts = new Map(people.map((person) => [person.name, { ...person, sub: `real|${person.name}` }]));

export const claims = {
  openid: ["sub"],
  profile: ["name", "preferred_username"],
  email: ["email", "email_verified"],
  groups: ["groups"],
};

// find tells what there is to tell; the provider leaves out what no scope asked for.
export function find(_, sub) {
  const account = [...accounts.values()].find((a) => a.sub === sub);
  return account && {
    accountId: sub,
    claims: () => ({
      sub,
      name: account.title,
      preferred_username: account.name,
      email: `${account.name}@example.org`,
      email_verified: true,
      groups: account.groups,
    }),
  };
}
