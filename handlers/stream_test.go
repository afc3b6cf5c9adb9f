package handlers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// frame is one event of a stream.
type frame struct {
	event string // empty for a batch of changes
	id    int64
	data  string
	retry int // milliseconds, 0 if it says none
}

// readFrame reads a frame and accepts nothing but what the contract allows: each line a known field, one id, decimal,
// data in every frame, no bare CR anywhere.
func readFrame(r *bufio.Reader) (frame, error) {
	f := frame{id: -1}
	var data []string
	seen := map[string]bool{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			if line != "" || len(seen) > 0 {
				return f, fmt.Errorf("cut within a frame: %w", err)
			}
			return f, err
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsRune(line, '\r') {
			return f, fmt.Errorf("CR in %q", line)
		}
		if line == "" {
			break
		}
		field, value, found := strings.Cut(line, ": ")
		if !found || seen[field] && field != "data" {
			return f, fmt.Errorf("odd line %q", line)
		}
		seen[field] = true
		switch field {
		case "id":
			if f.id, err = strconv.ParseInt(value, 10, 64); err != nil || f.id < 0 {
				return f, fmt.Errorf("odd id %q", value)
			}
		case "event":
			f.event = value
		case "data":
			data = append(data, value)
		case "retry":
			if f.retry, err = strconv.Atoi(value); err != nil || f.retry <= 0 {
				return f, fmt.Errorf("odd retry %q", value)
			}
		default:
			return f, fmt.Errorf("odd line %q", line)
		}
	}
	f.data = strings.Join(data, "\n")
	if !seen["id"] || f.data == "" {
		return f, fmt.Errorf("frame without id or data: %+v", f)
	}
	return f, nil
}

// stream is an open stream.
type stream struct {
	testing.TB
	header http.Header
	proto  string
	frames chan frame
	err    error // why it ended; valid once frames is closed
	close  context.CancelFunc
}

// listen opens a stream and does not return before the server has begun to answer.
func (p *person) listen(path string, headers ...string) *stream {
	p.Helper()
	s, err := p.tryListen(path, headers...)
	must(p, err)
	return s
}

// tryListen is listen for goroutines, which must not end the test.
func (p *person) tryListen(path string, headers ...string) (*stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base.String()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		return nil, fmt.Errorf("stream answered %d %s", res.StatusCode, body)
	}
	s := &stream{TB: p, header: res.Header, proto: res.Proto, frames: make(chan frame, 4096), close: cancel}
	go func() {
		defer close(s.frames)
		defer res.Body.Close()
		for r := bufio.NewReader(res.Body); ; {
			f, err := readFrame(r)
			if err != nil {
				s.err = err
				return
			}
			s.frames <- f
		}
	}()
	return s, nil
}

// tryNext returns the next frame, or an error once the stream has ended.
func (s *stream) tryNext() (frame, error) {
	select {
	case f, ok := <-s.frames:
		if !ok {
			return f, s.err
		}
		return f, nil
	case <-time.After(patience):
		return frame{}, errors.New("no frame came")
	}
}

func (s *stream) next() frame {
	s.Helper()
	f, err := s.tryNext()
	if err != nil {
		s.Fatalf("the stream ended: %v", err)
	}
	return f
}

// hello reads the first frame.
func (s *stream) hello() frame {
	s.Helper()
	f := s.next()
	if f.event != "hello" {
		s.Fatalf("the first frame is %+v", f)
	}
	return f
}

// until skips frames to the first that fits.
func (s *stream) until(what string, fits func(frame) bool) frame {
	s.Helper()
	for {
		f, err := s.tryNext()
		if err != nil {
			s.Fatalf("the stream ended before %s: %v", what, err)
		}
		if fits(f) {
			return f
		}
	}
}

func (s *stream) untilEvent(name string) frame {
	s.Helper()
	return s.until(name, func(f frame) bool { return f.event == name })
}

func (s *stream) untilData(part string) frame {
	s.Helper()
	return s.until(part, func(f frame) bool { return f.event == "" && strings.Contains(f.data, part) })
}

// end reads to the end and returns what came on the way.
func (s *stream) end() []frame {
	s.Helper()
	var rest []frame
	for {
		f, err := s.tryNext()
		switch {
		case errors.Is(err, io.EOF):
			return rest
		case err != nil:
			s.Fatalf("the stream did not end properly: %v", err)
		}
		rest = append(rest, f)
	}
}

// isChange reports whether a frame carries messages, not presence.
func (f frame) isChange() bool { return f.event == "" && strings.Contains(f.data, "data-seq") }
