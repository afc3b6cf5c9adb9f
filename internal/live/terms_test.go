package live

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/store"
)

func TestEachStreamEndsWithConfirmWhenItsReadersTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		defer h.Close(t.Context())
		begun := time.Now()
		type visit struct {
			*page
			until time.Time
			leave context.CancelFunc
			end   time.Time // of the ones whose end was seen
		}
		var visits []*visit
		for i := range 100 {
			v := &visit{page: newPage(), until: begun.Add(time.Duration(1+rand.IntN(1000)) * time.Second)}
			if i%10 == 0 {
				v.until = begun.Add(500 * time.Second) // several at once
			}
			ctx, cancel := context.WithCancel(t.Context())
			v.leave = cancel
			ended := serve(ctx, h, v.page, Reader{Person: store.Person{ID: store.UserID(i)}, Room: 1, Until: v.until})
			go func() {
				<-ended
				v.end = time.Now()
			}()
			visits = append(visits, v)
		}
		forEver := newPage()
		ended := serve(t.Context(), h, forEver, Reader{Room: 1, Person: store.Person{ID: 1000}})
		synctest.Wait()
		h.Publish(7, []Delivery{{Room: 1, UpTo: 7, Data: []byte("a change")}})
		for i, v := range visits {
			if i%4 == 0 {
				v.leave() // some go before their time
			}
		}
		time.Sleep(2000 * time.Second)
		synctest.Wait()
		for i, v := range visits {
			if i%4 == 0 {
				if strings.Contains(v.String(), "confirm") || !v.end.Equal(begun) {
					t.Errorf("visit %d, which left at once, ended after %v with %v", i, v.end.Sub(begun), v.lastFrame(t))
				}
				continue
			}
			last := v.lastFrame(t)
			if !v.end.Equal(v.until) || last["event"] != "confirm" || last["id"] != "7" || last["data"] != "{}" {
				t.Errorf("visit %d ended %v after its time with %v", i, v.end.Sub(v.until), last)
			}
		}
		select {
		case <-ended:
			t.Errorf("the stream without a term ended with %v", forEver.lastFrame(t))
		default:
		}
		if len(h.terms.conns) != 0 || h.terms.timer != nil {
			t.Errorf("%d streams that have ended are remembered", len(h.terms.conns))
		}
	})
}

func TestStreamThatComesAfterItsTimeEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		defer h.Close(t.Context())
		begun := time.Now()
		<-serve(t.Context(), h, newPage(), Reader{Room: 1, Person: store.Person{ID: 1}, Until: begun.Add(-time.Second)})
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestStoppingIsAllThatAStreamIsToldOnceTheHubCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.Write = time.Hour })
		p := &wall{page: newPage(), here: func() {}, cut: make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.Serve(p, request(t.Context()), Reader{Room: 1, Person: store.Person{ID: 1}, Until: time.Now().Add(time.Second)})
		}()
		synctest.Wait()
		h.Publish(7, []Delivery{{Room: 1, UpTo: 7, Data: []byte("x")}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h.Close(ctx)
		<-ended
		if h.terms.timer != nil {
			t.Error("a timer runs on")
		}
	})
}
