// What the programs before and after have in common, and the page that shows where they differ.
package examples_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write README.md's differences anew")

// mostLines is how many lines of a program may change: the import, the model, and who of its users thinks.
const mostLines = 3

func TestSwitchChangesALineOrTwo(t *testing.T) {
	programs, err := filepath.Glob("*/before/main.go")
	if err != nil || len(programs) < 8 {
		t.Fatalf("%d programs, %v", len(programs), err)
	}
	var page strings.Builder
	for _, program := range programs {
		name := filepath.ToSlash(filepath.Dir(filepath.Dir(program)))
		before, after := lines(t, program), lines(t, filepath.Join(name, "after", "main.go"))
		diff := difference(before, after)
		if removed, added := count(diff, "-"), count(diff, "+"); removed > mostLines || added > mostLines {
			t.Errorf("%s: %d lines go and %d come, want at most %d", name, removed, added, mostLines)
		}
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n```diff\n%s\n```\n", name, strings.TrimPrefix(before[0], "// "), strings.Join(diff, "\n"))
	}
	const begin = "<!-- from here on written by examples_test.go -->\n"
	old, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, shown, found := strings.Cut(string(old), begin)
	if !found {
		t.Fatalf("README.md has no line %q", begin)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(head+begin+page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != page.String() {
		t.Error("README.md shows other differences than there are; run go test ./examples -update")
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// difference returns the lines of a that go, after "-", and those of b that come, after "+", in order.
func difference(a, b []string) (diff []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && len(b) > 0 && a[0] == b[0]:
			a, b = a[1:], b[1:]
		case len(a) > 0 && !slices.Contains(b, a[0]): // no line that changes has an equal further on
			diff, a = append(diff, "-"+a[0]), a[1:]
		case len(b) > 0:
			diff, b = append(diff, "+"+b[0]), b[1:]
		default:
			diff, a = append(diff, "-"+a[0]), a[1:]
		}
	}
	return diff
}

func count(diff []string, sign string) (n int) {
	for _, line := range diff {
		if strings.HasPrefix(line, sign) {
			n++
		}
	}
	return n
}
