package sqlstore

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
)

// schema is what a database's schema demands, a line a thing, by table.
type schema map[string][]string

// inspect reads the schema of our tables: columns, in common words, and what is unique.
var inspect = map[string]string{
	"sqlite": `
		SELECT t.name, c.name || ' ' || c.type || CASE WHEN c."notnull" OR c.pk THEN ' NOT NULL' ELSE '' END
			|| CASE WHEN c.dflt_value IS NOT NULL THEN ' DEFAULT' ELSE '' END
		FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
		UNION ALL
		SELECT t.name, CASE WHEN i."unique" THEN 'UNIQUE ' ELSE 'INDEX ' END
			|| (SELECT group_concat(coalesce(name, 'an expression'), ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))
			|| CASE WHEN i.partial THEN ' partly' ELSE '' END
		FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table'
		UNION ALL
		SELECT t.name, 'UNIQUE ' || c.name FROM sqlite_master t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND c.type = 'INTEGER' AND c.pk = 1 AND (SELECT max(o.pk) FROM pragma_table_info(t.name) o) = 1`,
	"postgres": `
		SELECT table_name, column_name || ' ' || data_type || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END
			|| CASE WHEN column_default IS NOT NULL THEN ' DEFAULT' ELSE '' END
		FROM information_schema.columns WHERE table_schema = current_schema()
		UNION ALL
		SELECT i.indrelid::regclass::text, CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE 'INDEX ' END
			|| (SELECT string_agg(coalesce(a.attname, 'an expression'), ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n)
				LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
			|| CASE WHEN i.indpred IS NOT NULL THEN ' partly' ELSE '' END
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = current_schema()::regnamespace`,
}

// inspectChecks are the constraints that PostgreSQL tells by name; SQLite can't add one to a table that is there.
const inspectChecks = `
	SELECT conrelid::regclass::text, 'CONSTRAINT ' || pg_get_constraintdef(oid) FROM pg_constraint
	WHERE connamespace = current_schema()::regnamespace AND contype IN ('c', 'f', 'x')`

var commonWords = strings.NewReplacer("bigint", "INTEGER", "boolean", "INTEGER", "text", "TEXT", "bytea", "BLOB")

func schemaOf(t *testing.T, db *sql.DB, queries ...string) schema {
	t.Helper()
	found := schema{}
	for _, query := range queries {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var table, thing string
			if err := rows.Scan(&table, &thing); err != nil {
				t.Fatal(err)
			}
			if table != "goose_db_version" && !strings.HasPrefix(table, "sqlite_") {
				found[table] = append(found[table], commonWords.Replace(thing))
			}
		}
	}
	for _, things := range found {
		slices.Sort(things)
	}
	return found
}

func TestMigrationsOfBothDatabasesAreTwins(t *testing.T) {
	var schemas []schema
	for name, url := range eachDatabase() {
		s := openAt(t, url(t), Options{})
		found := schemaOf(t, s.writer.DB, inspect[s.dialect.migrations])
		if len(found) < 10 || len(found["messages"]) < 10 {
			t.Errorf("%s has too little: %v", name, found)
		}
		schemas = append(schemas, found)
	}
	if diff := cmp.Diff(schemas[0], schemas[1]); diff != "" {
		t.Errorf("they differ:\n%s", diff)
	}
}

// While a new version is rolled out the one before runs beside it: what that one writes must still be taken, and what it
// reads be there. A column it knows may go one migration after the version that stopped using it, see CONTRIBUTING.md.
func TestNewestMigrationLeavesWhatTheVersionBeforeUses(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			d, address, err := dialectOf(url(t))
			if err != nil {
				t.Fatal(err)
			}
			p, err := d.open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			provider, err := d.provider(p.migrator)
			if err != nil {
				t.Fatal(err)
			}
			sources := provider.ListSources()
			newest := sources[len(sources)-1]
			queries := []string{inspect[d.migrations]}
			if d.migrations == "postgres" {
				queries = append(queries, inspectChecks)
			}
			if _, err := provider.UpTo(t.Context(), newest.Version-1); err != nil {
				t.Fatal(err)
			}
			before := schemaOf(t, p.writer, queries...)
			if _, err := provider.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, problem := range breaks(before, schemaOf(t, p.writer, queries...), contracted(t, d, newest.Path)) {
				t.Errorf("%s: %s", newest.Path, problem)
			}
		})
	}
}

// contracted returns what a migration says it takes away because the version before has stopped using it: lines
// "-- contract: table.column" or "-- contract: table".
func contracted(t *testing.T, d dialect, path string) []string {
	t.Helper()
	text, err := migrations.ReadFile("migrations/" + d.migrations + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	var gone []string
	for line := range strings.Lines(string(text)) {
		if what, ok := strings.CutPrefix(strings.TrimSpace(line), "-- contract: "); ok {
			gone = append(gone, what)
		}
	}
	return gone
}

// breaks lists what a version that knows the schema before can't live with in the one after.
func breaks(before, after schema, contracted []string) (problems []string) {
	for _, table := range slices.Sorted(maps.Keys(before)) {
		if slices.Contains(contracted, table) {
			continue
		}
		for _, thing := range before[table] {
			column, _, _ := strings.Cut(thing, " ")
			if !slices.Contains(after[table], thing) && !slices.Contains(contracted, table+"."+column) && !strings.HasPrefix(thing, "INDEX ") {
				problems = append(problems, fmt.Sprintf("%s loses or changes %q", table, thing))
			}
		}
		for _, thing := range after[table] {
			demands := strings.HasPrefix(thing, "UNIQUE ") || strings.HasPrefix(thing, "CONSTRAINT ") ||
				strings.HasSuffix(thing, " NOT NULL") && !strings.HasPrefix(thing, "INDEX ")
			if demands && !slices.Contains(before[table], thing) {
				problems = append(problems, fmt.Sprintf("%s newly demands %q", table, thing))
			}
		}
	}
	return problems
}

func TestBreaksAreFound(t *testing.T) {
	before := schema{"people": {"id INTEGER NOT NULL", "name TEXT NOT NULL", "mood TEXT"}}
	for want, after := range map[string]schema{
		"": {"people": {"id INTEGER NOT NULL", "name TEXT NOT NULL", "mood TEXT", "age INTEGER", "pet TEXT NOT NULL DEFAULT", "INDEX name"},
			"pets": {"id INTEGER NOT NULL"}},
		`people loses or changes "mood TEXT"`:                          {"people": {"id INTEGER NOT NULL", "name TEXT NOT NULL"}},
		`people loses or changes "name TEXT NOT NULL"`:                 {"people": {"id INTEGER NOT NULL", "name TEXT", "mood TEXT"}},
		`people newly demands "age INTEGER NOT NULL"`:                  {"people": append([]string{"age INTEGER NOT NULL"}, before["people"]...)},
		`people newly demands "UNIQUE name"`:                           {"people": append([]string{"UNIQUE name"}, before["people"]...)},
		`people newly demands "CONSTRAINT CHECK ((mood <> ''::text))"`: {"people": append([]string{"CONSTRAINT CHECK ((mood <> ''::text))"}, before["people"]...)},
	} {
		if got := strings.Join(breaks(before, after, nil), "; "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := breaks(before, schema{"people": {"id INTEGER NOT NULL", "name TEXT NOT NULL"}}, []string{"people.mood"}); got != nil {
		t.Errorf("what is given up on purpose: %v", got)
	}
	if got := breaks(before, schema{}, []string{"people"}); got != nil {
		t.Errorf("a table that is given up on purpose: %v", got)
	}
}

// The database may have been brought one version further by a neighbour that is already new.
func TestSchemaThatIsOneMigrationAheadIsServed(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			s := openAt(t, url, Options{})
			user, room := furnish(t, s)
			d, _, err := dialectOf(url)
			if err != nil {
				t.Fatal(err)
			}
			provider, err := d.provider(s.pools.migrator)
			if err != nil {
				t.Fatal(err)
			}
			sources := provider.ListSources()
			next := sources[len(sources)-1].Version + 1
			for _, statement := range []string{
				`ALTER TABLE messages ADD COLUMN mood TEXT`,
				`INSERT INTO goose_db_version (version_id, is_applied) VALUES (` + fmt.Sprint(next) + `, ` + map[bool]string{true: "TRUE", false: "1"}[d.shared] + `)`,
			} {
				if _, err := s.pools.migrator.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range []*Store{s, openAt(t, url, Options{})} { // who was there, and who starts now
				if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: fmt.Sprintf("%p", s)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Commands beside the program want what is there, and must not begin something new.
func TestOpenOfWhatShouldExist(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			s, err := Open(t.Context(), url, Options{Existing: true})
			if err == nil {
				_ = s.Close()
				t.Fatal("it was begun")
			}
			if text := err.Error(); !strings.HasSuffix(text, ": is the database URL the right one?") {
				t.Errorf("it says %q", text)
			}
			openAt(t, url, Options{})
			openAt(t, url, Options{Existing: true})
		})
	}
}
