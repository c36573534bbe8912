package main

// latentchain version: what this program is made of.

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the versions of the program and of what computes in it",
		Example: "  latentchain version\n  latentchain version --json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.RunE = a.runs(func(context.Context) error {
		v := programVersions()
		if asJSON {
			return a.printJSON(v)
		}
		_, err := fmt.Fprintf(a.out, "latentchain %s, %s, %s\nGoMLX %s, go-xla %s, go-huggingface %s\n",
			v.Program, v.Go, v.Platform, v.GoMLX, v.GoXLA, v.GoHuggingFace)
		return err
	})
	return cmd
}

// versions are as the build recorded them; a program built from a checkout calls itself (devel).
type versions struct {
	Program       string `json:"latentchain"`
	Revision      string `json:"revision,omitempty"`
	Go            string `json:"go"`
	Platform      string `json:"platform"` // GOOS/GOARCH
	GoMLX         string `json:"gomlx"`
	GoXLA         string `json:"go_xla"`
	GoHuggingFace string `json:"go_huggingface"`
}

func programVersions() versions {
	v := versions{Program: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		GoMLX: "(unknown)", GoXLA: "(unknown)", GoHuggingFace: "(unknown)"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Program = info.Main.Version
	if v.Program == "" {
		v.Program = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/gomlx/gomlx":
			v.GoMLX = m.Version
		case "github.com/gomlx/go-xla":
			v.GoXLA = m.Version
		case "github.com/gomlx/go-huggingface":
			v.GoHuggingFace = m.Version
		}
	}
	return v
}
