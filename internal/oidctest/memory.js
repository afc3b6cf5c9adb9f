// What the provider keeps, in the form it wants it. Its own is the same and does not say what it holds.
export function memory() {
  const models = new Map();

  function adapter(name) {
    const kept = new Map();
    models.set(name, kept);
    const drop = (match) => {
      for (const [id, payload] of kept) if (match(payload)) kept.delete(id);
    };
    return {
      upsert: async (id, payload) => void kept.set(id, payload),
      find: async (id) => kept.get(id),
      findByUid: async (uid) => [...kept.values()].find((payload) => payload.uid === uid),
      findByUserCode: async () => undefined,
      consume: async (id) => {
        kept.get(id).consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => void kept.delete(id),
      revokeByGrantId: async (grantId) => drop((payload) => payload.grantId === grantId),
    };
  }

  return { adapter, all: (name) => [...(models.get(name) ?? [])] };
}
