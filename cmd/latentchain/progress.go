package main

// What the user sees on standard error while the program works: on a terminal a bar or a line that changes, elsewhere
// one plain line for each thing done.

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress may be used from several goroutines. As a Writer it passes lines on, clearing what is in their way.
type progress struct {
	quiet bool

	mu       sync.Mutex
	w        *os.File
	terminal bool
	told     map[string]bool // without a terminal: what has had its line
	bar      *progressbar.ProgressBar
	barOf    string // what the bar is about
	status   bool   // a line that will be replaced is on the screen
}

func newProgress(w *os.File) *progress {
	return &progress{w: w, terminal: term.IsTerminal(int(w.Fd())), told: map[string]bool{}}
}

// report shows how far a piece of work is: done of total bytes. total is 0 when it is not known, 1 for work that has
// no parts.
func (p *progress) report(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet:
	case !p.terminal:
		if !p.told[what] {
			p.told[what] = true
			fmt.Fprintln(p.w, what+ofSize(total))
		}
	case total > 0 && done >= total:
		p.wipe()
	default:
		if p.bar == nil || p.barOf != what {
			p.wipe()
			p.bar, p.barOf = p.newBar(what, total), what
		}
		_ = p.bar.Set64(done) // a bar that can't be drawn is no reason to stop
	}
}

func ofSize(total int64) string {
	if total <= 1 {
		return ""
	}
	return " (" + bytesText(total) + ")"
}

func (p *progress) newBar(what string, total int64) *progressbar.ProgressBar {
	opts := []progressbar.Option{
		progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	}
	if total <= 1 {
		return progressbar.NewOptions64(-1, opts...)
	}
	return progressbar.NewOptions64(total, append(opts, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))...)
}

// now shows what is being done at this moment; the next call replaces it. It says nothing where there is no terminal.
func (p *progress) now(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet || !p.terminal {
		return
	}
	p.wipe()
	fmt.Fprint(p.w, text)
	p.status = true
}

// phase shows what begins now: on a terminal until the next call, elsewhere as a line.
func (p *progress) phase(text string) {
	if p.terminal {
		p.now(text)
	} else {
		p.line(text)
	}
}

// line shows a line that stays.
func (p *progress) line(text string) {
	if !p.quiet {
		fmt.Fprintln(p, text)
	}
}

// warn shows a line that stays even when the user wants quiet.
func (p *progress) warn(text string) { fmt.Fprintln(p, "warning:", text) }

func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	return p.w.Write(text)
}

// clear takes away what would be replaced, so that something else can be written to the terminal.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func (p *progress) wipe() {
	if p.bar != nil {
		_ = p.bar.Exit()
		p.bar, p.status = nil, true
	}
	if p.status {
		fmt.Fprint(p.w, "\r\x1b[2K")
		p.status = false
	}
}

// bytesText writes a number of bytes for people: 730 kB, 92.9 MB.
func bytesText(n int64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	if value >= 100 || unit == "B" {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
