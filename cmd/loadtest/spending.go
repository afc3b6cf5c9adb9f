package main

import (
	"errors"
	"time"
)

// spender is what uses CPU time.
type spender interface {
	cpu() (time.Duration, error)
}

// spent returns the CPU time that each of some uses during f.
func spent(f func() error, of ...spender) ([]time.Duration, error) {
	before, err := readings(of)
	if err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	used, err := readings(of)
	for i := range used {
		used[i] -= before[i]
	}
	return used, err
}

func readings(of []spender) ([]time.Duration, error) {
	read := make([]time.Duration, len(of))
	var errs []error
	for i, s := range of {
		var err error
		read[i], err = s.cpu()
		errs = append(errs, err)
	}
	return read, errors.Join(errs...)
}
