package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// encoding is a way to ask for the room's page.
type encoding struct {
	name    string
	headers []string
}

func encodings() []encoding {
	return []encoding{{"identity", nil}, {"compressed", []string{"Accept-Encoding: gzip, deflate, br, zstd"}}}
}

// measurePage fetches a room's page again and again, of a small room and a large one.
func measurePage(ctx context.Context, b *bench) ([]row, error) {
	rate, cost := map[string][]float64{}, map[string][]float64{}
	key := func(encoding string, messages int) string { return fmt.Sprintf("page %s %d", encoding, messages) }
	for _, messages := range b.scale.rooms {
		if err := pages(ctx, b, messages, func(encoding string, f flow) {
			k := key(encoding, messages)
			rate[k] = append(rate[k], f.rate)
			cost[k] = append(cost[k], float64(f.cpu[0]))
		}); err != nil {
			return nil, err
		}
	}
	var rows []row
	for _, e := range encodings() {
		encoding := e.name
		var costs []float64
		for _, messages := range b.scale.rooms {
			r, c := median(rate[key(encoding, messages)]), median(cost[key(encoding, messages)])
			costs = append(costs, c)
			rows = append(rows, row{
				what: fmt.Sprintf("room page with 50 of %s messages, %s, requests/s", thousands(float64(messages)), encoding),
				ours: fmt.Sprintf("%s (%v of CPU each)", thousands(r), time.Duration(c).Round(time.Microsecond)), target: "≥ 10,000",
				reached: r >= 10_000,
			})
		}
		factor := costs[len(costs)-1] / costs[0]
		rows = append(rows, row{what: "its cost in the large room to that in the small one, " + encoding,
			ours: fmt.Sprintf("× %.2f", factor), target: "flat (within 25 %)", reached: math.Abs(factor-1) <= 0.25})
	}
	return rows, nil
}

func pages(ctx context.Context, b *bench, messages int, found func(encoding string, f flow)) (err error) {
	began := time.Now()
	s, err := b.site.start(ctx, func(url string) error { return fillRoom(ctx, filePath(url), messages) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	page, err := s.page(ctx)
	if err != nil {
		return err
	}
	if n := strings.Count(page, "data-seq="); n != 50 {
		return fmt.Errorf("the page shows %d messages of %d, want 50", n, messages)
	}
	fmt.Fprintf(b.log, "page: %d messages and a start in %v, %d bytes\n", messages, round(time.Since(began)), len(page))
	for n := range b.rounds {
		for _, e := range encodings() {
			name := fmt.Sprintf("page %s %d %d", e.name, messages, n+1)
			f, err := visits(ctx, b, name, s, e.headers)
			if err != nil {
				return err
			}
			found(e.name, f)
		}
	}
	return nil
}

func visits(ctx context.Context, b *bench, name string, s *running, headers []string) (flow, error) {
	var asks []func() error
	for i := range b.scale.visitors {
		w, err := dial(ctx, s.address(i))
		if err != nil {
			return flow{}, err
		}
		defer w.close()
		request := s.get(room, i, headers...)
		asks = append(asks, func() error {
			a, err := w.ask(request)
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("the page is answered with status %d", a.status)
			}
			return err
		})
	}
	return closedLoop(ctx, b, name, asks, s)
}
