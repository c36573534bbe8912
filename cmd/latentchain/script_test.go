package main

// The scripts in testdata/script: the command line as a user meets it.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rsc.io/script"
	"rsc.io/script/scripttest"
)

func TestScripts(t *testing.T) {
	engine := script.NewEngine()
	engine.Cmds = scripttest.DefaultCmds()
	engine.Conds = scripttest.DefaultConds()
	engine.Cmds["latentchain"] = exits(0)
	engine.Cmds["fails"] = exits(exitFailed)
	engine.Cmds["misused"] = exits(exitUsage)
	engine.Cmds["cut"] = changeFile("keep the first bytes of a file", "file bytes", cut)
	engine.Cmds["spoil"] = changeFile("make the last number of a file of float32 NaN", "file", spoil)
	env := append(programEnv(t), "TINY="+tiny(t), "GGUF="+truncatedGGUF(t))
	scripttest.Test(t, t.Context(), engine, env, "testdata/script/*.txt")
}

// exits runs the program and wants it to end with code, with an error on one line of standard error if that is not
// 0. <FILE and >FILE as first arguments stand for its input and output.
func exits(code int) script.Cmd {
	return script.Command(
		script.CmdUsage{Summary: fmt.Sprintf("run latentchain, which must exit with %d", code), Args: "[<input] [>output] args..."},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }, 5*time.Second // it says where it hangs
			cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
			var out, errs strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &errs
			for ; len(args) > 0; args = args[1:] {
				if name, ok := strings.CutPrefix(args[0], "<"); ok {
					file, err := os.Open(s.Path(name))
					if err != nil {
						return nil, err
					}
					defer file.Close()
					cmd.Stdin = file
				} else if name, ok := strings.CutPrefix(args[0], ">"); ok {
					file, err := os.OpenFile(s.Path(name), os.O_WRONLY|os.O_CREATE, 0o644)
					if err != nil {
						return nil, err
					}
					defer file.Close()
					cmd.Stdout = file
				} else {
					break
				}
			}
			cmd.Args = append(cmd.Args, args...)
			err := cmd.Run()
			if cmd.ProcessState == nil {
				return nil, err
			}
			return func(*script.State) (string, string, error) {
				return out.String(), errs.String(), checkEnd(cmd.ProcessState.ExitCode(), code, errs.String())
			}, nil
		})
}

func checkEnd(got, want int, errs string) error {
	if got != want {
		return fmt.Errorf("exit code %d, want %d", got, want)
	}
	if want == 0 {
		return nil
	}
	last := errs[strings.LastIndex(strings.TrimSuffix(errs, "\n"), "\n")+1:]
	if strings.Count(errs, "latentchain: ") == 0 || !strings.HasPrefix(last, "latentchain: ") {
		return errors.New("the last line on standard error is not the error")
	}
	if strings.Contains(errs, "goroutine ") {
		return errors.New("the program panicked")
	}
	return nil
}

func changeFile(summary, usage string, change func(file *os.File, args []string) error) script.Cmd {
	return script.Command(script.CmdUsage{Summary: summary, Args: usage}, func(s *script.State, args ...string) (script.WaitFunc, error) {
		if len(args) == 0 {
			return nil, script.ErrUsage
		}
		file, err := os.OpenFile(s.Path(args[0]), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(change(file, args[1:]), file.Close())
	})
}

func cut(file *os.File, args []string) error {
	size, err := strconv.ParseInt(strings.Join(args, " "), 10, 64)
	if err != nil {
		return err
	}
	return file.Truncate(size)
}

func spoil(file *os.File, _ []string) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN()))), end-4)
	return err
}
