package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"letstalk/internal/config"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// admin is the command of that name: what administrators may do about people, for whoever may run commands on the machine.
// The first administrator is made by it.
func admin(ctx context.Context, args, environ []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("letstalk admin", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error it returns says it all
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := fmt.Fprint(stdout, adminUsage)
		return err
	case err != nil:
		return fmt.Errorf("%w; see letstalk admin -h", err)
	case flags.NArg() == 0:
		return errors.New("say what to do: list, grant, revoke, deactivate or activate; see letstalk admin -h")
	}
	do := adminVerbs()[flags.Arg(0)]
	list := flags.Arg(0) == "list"
	switch {
	case !list && do == nil:
		return fmt.Errorf("unknown argument %q; see letstalk admin -h", flags.Arg(0))
	case list && flags.NArg() > 1:
		return fmt.Errorf("unknown argument %q; see letstalk admin -h", flags.Arg(1))
	case !list && (flags.NArg() != 2 || flags.Arg(1) == ""):
		return errors.New("name one person, by e-mail address; see letstalk admin -h")
	}
	db, err := openWorkspace(ctx, environ)
	if err != nil {
		return err
	}
	defer db.Close() // what was done is durable by then
	if list {
		return listAdmins(ctx, db, stdout)
	}
	person, err := findPerson(ctx, db, flags.Arg(1))
	if err != nil {
		return err
	}
	said, err := do(ctx, db, person)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, said)
	return err
}

const adminUsage = `letstalk admin says who runs the place.

Usage: letstalk admin list
       letstalk admin grant EMAIL
       letstalk admin revoke EMAIL
       letstalk admin deactivate EMAIL
       letstalk admin activate EMAIL

  list        show the administrators, and who is locked out
  grant       make somebody an administrator
  revoke      take that back; what a group at the identity provider gives stays
  deactivate  lock somebody out: all their sessions end at once, their messages stay
  activate    let them in again

People have to log in once before they are known here. Instead of EMAIL, #ID names a person: list shows it, and so does
the answer if several people have the same address. It works while Let's Talk runs, and needs DATABASE_URL alone.
`

// openWorkspace opens the database of the configuration, of which it needs nothing else. A program that serves it may run
// on.
func openWorkspace(ctx context.Context, environ []string) (*sqlstore.Store, error) {
	url, err := config.LoadDatabaseURL(environ, ".env")
	if err != nil {
		return nil, fmt.Errorf("the configuration needs a look:\n%w", err)
	}
	return sqlstore.Open(ctx, url, sqlstore.Options{Existing: true})
}

// adminVerbs are what can be done about a person. Each returns a line that says what is now.
func adminVerbs() map[string]func(context.Context, store.Store, store.User) (string, error) {
	return map[string]func(context.Context, store.Store, store.User) (string, error){
		"grant": grantAdmin, "revoke": revokeAdmin, "deactivate": deactivate, "activate": activate,
	}
}

func grantAdmin(ctx context.Context, db store.Store, u store.User) (string, error) {
	if u.AdminByHand && u.Active {
		return called(u) + " was an administrator already.", nil
	}
	if err := db.SetAdmin(ctx, store.Operator, u.ID, true); err != nil {
		return "", err
	}
	switch {
	case !u.Active:
		return fmt.Sprintf("%s is an administrator, but locked out: letstalk admin activate lets them in.", called(u)), nil
	case u.AdminClaim != "":
		return fmt.Sprintf("%s is an administrator by hand now, and was one before: %s.", called(u), u.AdminClaim), nil
	}
	return called(u) + " is an administrator now.", nil
}

func revokeAdmin(ctx context.Context, db store.Store, u store.User) (string, error) {
	if u.AdminByHand {
		if err := db.SetAdmin(ctx, store.Operator, u.ID, false); err != nil {
			return "", err
		}
	}
	switch {
	case u.AdminClaim != "":
		return "", fmt.Errorf("%s stays an administrator, because the identity provider says so: %s; take them out of that group there, or change ADMIN_GROUPS",
			called(u), u.AdminClaim)
	case !u.AdminByHand:
		return called(u) + " was no administrator.", nil
	}
	return called(u) + " is no administrator any more.", nil
}

func deactivate(ctx context.Context, db store.Store, u store.User) (string, error) {
	if !u.Active {
		return called(u) + " was locked out already.", nil
	}
	ended, err := db.SetUserActive(ctx, store.Operator, u.ID, false)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is locked out now; %s ended.", called(u), count(len(ended), "session", "sessions")), nil
}

func activate(ctx context.Context, db store.Store, u store.User) (string, error) {
	if u.Active {
		return called(u) + " could log in already.", nil
	}
	if _, err := db.SetUserActive(ctx, store.Operator, u.ID, true); err != nil {
		return "", err
	}
	return called(u) + " may log in again.", nil
}

// findPerson returns the one person that an e-mail address, or #ID, names.
func findPerson(ctx context.Context, db store.Store, name string) (store.User, error) {
	if digits, ok := strings.CutPrefix(name, "#"); ok {
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || id < 1 {
			return store.User{}, fmt.Errorf("%s is no person's number: letstalk admin list shows them, such as #7", name)
		}
		u, err := db.User(ctx, store.UserID(id))
		if errors.Is(err, store.ErrNotFound) {
			return store.User{}, fmt.Errorf("nobody has the number %s", name)
		}
		return u, err
	}
	people, err := db.Users(ctx, store.Operator, name, math.MaxInt32)
	if err != nil {
		return store.User{}, err
	}
	var found []store.User
	for _, u := range people {
		if strings.EqualFold(u.Identity.Email, name) {
			found = append(found, u)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		lines := make([]string, len(found))
		for i, u := range found {
			lines[i] = fmt.Sprintf("\n#%d  %s  of %s", u.ID, u.Identity.Name, u.Identity.Issuer)
		}
		return store.User{}, fmt.Errorf("%s have the address %s; name one by #ID instead:%s",
			count(len(found), "person", "people"), name, strings.Join(lines, ""))
	}
	return store.User{}, unknown(ctx, db, name)
}

// unknown says why nobody has an address, and what helps.
func unknown(ctx context.Context, db store.Store, name string) error {
	anybody, err := db.Users(ctx, store.Operator, "", 1)
	switch {
	case err != nil:
		return err
	case len(anybody) == 0:
		return fmt.Errorf("nobody has logged in yet, so %q is not known here: log in once and try again, or set ADMIN_GROUPS to a group at the identity provider", name)
	}
	return fmt.Errorf("nobody here has the address %q: people are known once they have logged in, by the address that the identity provider tells", name)
}

// listAdmins shows the administrators and why they are, and who is locked out.
func listAdmins(ctx context.Context, db store.Store, stdout io.Writer) error {
	people, err := db.Users(ctx, store.Operator, "", math.MaxInt32)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	shown := 0
	for _, u := range people {
		if why := standing(u); why != "" {
			shown++
			fmt.Fprintf(table, "#%d\t%s\t%s\t%s\n", u.ID, u.Identity.Name, u.Identity.Email, why)
		}
	}
	if shown == 0 {
		fmt.Fprintln(table, "There is no administrator yet. letstalk admin grant EMAIL makes one of somebody who has logged in; ADMIN_GROUPS, of a group.")
	}
	return table.Flush()
}

// standing says what is special about a person, empty for nothing.
func standing(u store.User) string {
	var why []string
	if !u.Active {
		why = append(why, "locked out")
	}
	if u.AdminByHand {
		why = append(why, "administrator by hand")
	}
	if u.AdminClaim != "" {
		why = append(why, "administrator: "+u.AdminClaim)
	}
	return strings.Join(why, "; ")
}

// called returns a person's name and what tells them from others of that name.
func called(u store.User) string {
	if u.Identity.Email == "" {
		return fmt.Sprintf("%s (#%d)", u.Identity.Name, u.ID)
	}
	return fmt.Sprintf("%s <%s>", u.Identity.Name, u.Identity.Email)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
