package main

import (
	"bytes"
	"fmt"
	"time"
)

// A mark is what the generator finds its messages by: a number and the time of sending, of a fixed length, in letters
// that neither Markdown nor JSON change. It stands once in each message's text.
//
//	mark:0000042:00001234567890;
const (
	markNumber = 7
	markTime   = 14 // digits of nanoseconds: a day
	markSize   = len(markStart) + markNumber + 1 + markTime + 1
	markStart  = "mark:"
	maxMarks   = 9_999_999
)

// epoch is the zero of the marks' times.
var epoch = time.Now()

func sinceEpoch() int64 { return int64(time.Since(epoch)) }

// text is the text of a message: a mark, and about as much as people write.
func text(number int, at int64) string {
	return fmt.Sprintf("mark:%07d:%014d; The release is out, see you at the stand-up.", number, at)
}

// parseMark reads the mark at the start of p, which is at least markSize long.
func parseMark(p []byte) (number int, at int64, ok bool) {
	n, ok1 := digits(p[len(markStart) : len(markStart)+markNumber])
	at, ok2 := digits(p[markSize-1-markTime : markSize-1])
	return int(n), at, ok1 && ok2 && p[len(markStart)+markNumber] == ':' && p[markSize-1] == ';'
}

func digits(p []byte) (n int64, ok bool) {
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// finder finds marks in text that comes in pieces.
type finder struct {
	tail [markSize - 1]byte // the end of what came, where a mark may have begun
	n    int
}

var start = []byte(markStart)

func (f *finder) feed(p []byte, found func(number int, at int64)) {
	if f.n > 0 {
		var seam [2 * (markSize - 1)]byte
		n := copy(seam[:], f.tail[:f.n])
		n += copy(seam[n:], p[:min(len(p), markSize-1)])
		scan(seam[:n], found) // whole marks in it lie across the seam, for neither side is long enough for one
	}
	scan(p, found)
	if len(p) >= len(f.tail) {
		f.n = copy(f.tail[:], p[len(p)-len(f.tail):])
		return
	}
	kept := min(f.n, len(f.tail)-len(p))
	copy(f.tail[:], f.tail[f.n-kept:f.n])
	f.n = kept + copy(f.tail[kept:], p)
}

func scan(p []byte, found func(number int, at int64)) {
	for {
		i := bytes.Index(p, start)
		if i < 0 || len(p)-i < markSize {
			return
		}
		p = p[i:]
		if number, at, ok := parseMark(p); ok {
			found(number, at)
			p = p[markSize:]
		} else {
			p = p[len(start):]
		}
	}
}
