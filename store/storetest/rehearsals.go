package storetest

import (
	"time"

	"letstalk/store"
)

// outcome of a rehearsal.
func (w *world) outcome(ticket, want string) {
	w.Helper()
	got, err := w.Rehearsal(w.ctx, ticket)
	w.ok(err)
	w.same(got, want)
}

var rehearsalPromises = []promise{
	{"tells the one who waits what became of it, in another process", func(w *world) {
		other := w.beside()
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Minute))
		w.ok(w.CreateRehearsal(w.ctx, "another", time.Minute))
		w.outcome("ticket", "")
		w.ok(other.FinishRehearsal(w.ctx, "ticket", `{"claims": "Ünï 👍"}`))
		w.outcome("ticket", `{"claims": "Ünï 👍"}`)
		w.outcome("another", "")
	}},
	{"is finished once", func(w *world) {
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Minute))
		errs := w.atOnce(8, func(int) error { return w.FinishRehearsal(w.ctx, "ticket", "well") })
		w.same([]int{count(errs, nil), count(errs, store.ErrNotFound)}, []int{1, 7})
		w.fails(w.FinishRehearsal(w.ctx, "ticket", "badly"), store.ErrNotFound)
		w.outcome("ticket", "well")
	}},
	{"unknown is not found", func(w *world) {
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Minute))
		for _, ticket := range []string{"", "TICKET", "none"} {
			_, err := w.Rehearsal(w.ctx, ticket)
			w.fails(err, store.ErrNotFound)
			w.fails(w.FinishRehearsal(w.ctx, ticket, "well"), store.ErrNotFound)
		}
	}},
	{"runs out", func(w *world) {
		w.ok(w.CreateRehearsal(w.ctx, "begun", time.Minute))
		w.ok(w.CreateRehearsal(w.ctx, "done", time.Minute))
		w.ok(w.FinishRehearsal(w.ctx, "done", "well"))
		w.clock.pass(time.Minute - time.Millisecond)
		w.outcome("begun", "")
		w.outcome("done", "well")
		w.clock.pass(time.Millisecond)
		for _, ticket := range []string{"begun", "done"} {
			_, err := w.Rehearsal(w.ctx, ticket)
			w.fails(err, store.ErrNotFound)
			w.fails(w.FinishRehearsal(w.ctx, ticket, "late"), store.ErrNotFound)
		}
	}},
	{"leaves no trace of who rehearsed", func(w *world) {
		w.notes(func() {
			w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Minute))
			w.ok(w.FinishRehearsal(w.ctx, "ticket", "well"))
		})
	}},
}
