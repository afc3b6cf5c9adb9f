package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

type variable struct{ name, fallback, help string }

// documented lists the variables as their tags describe them.
func documented() []variable {
	var all []variable
	for field := range reflect.TypeFor[variables]().Fields() {
		all = append(all, variable{field.Tag.Get("env"), field.Tag.Get("envDefault"), field.Tag.Get("help")})
	}
	return all
}

// WriteHelp lists the environment variables with their defaults.
func WriteHelp(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range documented() {
		if v.fallback != "" {
			v.help += " (" + v.fallback + ")"
		}
		fmt.Fprintf(tab, "  %s\t%s\n", v.name, v.help)
	}
	_ = tab.Flush()
	fmt.Fprintf(w, "\nThese may also be in a file, named by NAME_FILE: %s.\n", strings.Join(secrets, ", "))
}
