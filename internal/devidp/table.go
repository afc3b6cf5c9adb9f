package devidp

import (
	"container/list"
	"iter"
	"time"
)

const maxEntries = 10_000 // of each table

// table is a bounded map whose entries all live equally long, so that the oldest is always the next to go.
type table[V any] struct {
	life  time.Duration
	order *list.List // of *entry[V], oldest first
	byKey map[string]*list.Element
}

type entry[V any] struct {
	key     string
	value   V
	expires time.Time
}

func newTable[V any](life time.Duration) *table[V] {
	return &table[V]{life: life, order: list.New(), byKey: make(map[string]*list.Element)}
}

func (t *table[V]) put(now time.Time, key string, value V) {
	t.delete(key)
	for e := t.order.Front(); e != nil; e = t.order.Front() {
		oldest := e.Value.(*entry[V])
		if now.Before(oldest.expires) && t.order.Len() < maxEntries {
			break
		}
		t.delete(oldest.key)
	}
	t.byKey[key] = t.order.PushBack(&entry[V]{key, value, now.Add(t.life)})
}

func (t *table[V]) get(now time.Time, key string) (V, bool) {
	var none V
	e, ok := t.byKey[key]
	if !ok {
		return none, false
	}
	found := e.Value.(*entry[V])
	if !now.Before(found.expires) {
		t.delete(key)
		return none, false
	}
	return found.value, true
}

func (t *table[V]) delete(key string) {
	if e, ok := t.byKey[key]; ok {
		t.order.Remove(e)
		delete(t.byKey, key)
	}
}

// all yields the values; the table must not change meanwhile.
func (t *table[V]) all(now time.Time) iter.Seq[V] {
	return func(yield func(V) bool) {
		for e := t.order.Front(); e != nil; e = e.Next() {
			if kept := e.Value.(*entry[V]); now.Before(kept.expires) && !yield(kept.value) {
				return
			}
		}
	}
}
