package sqlstore

import "context"

const (
	upsertBeat = `INSERT INTO nodes (node, beat) VALUES ($1, 1) ON CONFLICT (node) DO UPDATE SET beat = nodes.beat + 1 RETURNING beat`
	upsertNews = `
		INSERT INTO news (node, key, value, beat) VALUES ($1, $2, $3, $4)
		ON CONFLICT (node, key) DO UPDATE SET value = excluded.value, beat = excluded.beat`
	selectBeats = `SELECT node, beat FROM nodes`
	selectNews  = `SELECT key, value FROM news WHERE node = $1 AND beat > $2`
)

// Beat notes that a node is up and what is new about it.
func (s *Store) Beat(ctx context.Context, node string, news map[string]string) (int64, error) {
	return writeInEpoch(ctx, s, "beat", func(t *tx) (beat int64, err error) {
		if err := t.returning(upsertBeat, node).Scan(&beat); err != nil {
			return 0, err
		}
		for key, value := range news {
			if _, err := t.exec(upsertNews, node, key, value, beat); err != nil {
				return 0, err
			}
		}
		return beat, nil
	})
}

// Beats returns the newest beat of each node.
func (s *Store) Beats(ctx context.Context) (map[string]int64, error) {
	return pairs[int64](ctx, s, "read the nodes", selectBeats)
}

// News returns what a node said in the beats after a number.
func (s *Store) News(ctx context.Context, node string, after int64) (map[string]string, error) {
	return pairs[string](ctx, s, "read a node's news", selectNews, node, after)
}

// pairs reads rows of a name and a value.
func pairs[V any](ctx context.Context, s *Store, doing, text string, args ...any) (map[string]V, error) {
	return snapshot(ctx, s, doing, func(t *tx) (map[string]V, error) {
		found := map[string]V{}
		_, err := list(t, func(row scanner) (struct{}, error) {
			var name string
			var value V
			err := row.Scan(&name, &value)
			found[name] = value
			return struct{}{}, err
		}, text, args...)
		return found, err
	})
}

// RemoveNode forgets a node whose newest beat is still that one.
func (s *Store) RemoveNode(ctx context.Context, node string, beat int64) (bool, error) {
	return writeInEpoch(ctx, s, "forget a node", func(t *tx) (bool, error) {
		n, err := t.exec(`DELETE FROM nodes WHERE node = $1 AND beat = $2`, node, beat)
		return n > 0, err
	})
}
