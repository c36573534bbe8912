// Package kernels has the two operations that most of a decoding step's time goes to, written for CPUs: the product of a
// few rows with a matrix of weights, and the attention of a few new positions over long caches. XLA's own code for them
// reaches half of what memory allows when rows come by the dozen: its products are made for many rows, its attention
// runs the rows of a batch one after the other and reads the slots that nothing is in yet (docs/performance.md).
//
// A graph calls a kernel as a function of a name made by Product or Attention; the function's body does not matter. After
// [Use], calls of such functions in the programs of a CPU plugin run the kernels.
//
// This file holds the names, rewrite.go puts the calls into programs, use_linux.go tells the plugin and is the border to
// C. There, kernels.h says what the kernels compute, body.h is the kernels themselves, compiled for three kinds of
// processors (avx512_linux.c, avx2_linux.c, plain_linux.c), run_linux.c and pool_linux.c share a call between threads,
// ffi_linux.c is what XLA calls.
package kernels

import (
	"errors"
	"fmt"
)

// ErrUnsupported is wrapped by Use's error where there are no kernels: outside Linux on amd64 or arm64, without cgo, and
// with a plugin that cannot be told of them.
var ErrUnsupported = errors.New("there are no kernels here")

// Use has the programs that the loaded CPU plugin in file path compiles from now on run the kernels, with threads threads
// at most; 0 for as many as Go runs on (GOMAXPROCS). Call it before others compile with the plugin: that XLA's registry of
// functions can be added to while a compiler reads it is nowhere promised.
func Use(path string, threads int) error { return use(path, threads) }

// Variant names the kernels for this processor: avx512, avx2 or plain; "" if there are none here.
func Variant() string { return variant }

// Sizes that kernels take.
const (
	lanes   = 16  // sizes along which kernels read are multiples of it
	few     = 16  // rows of input: for more, XLA's own code is better than vectors of four
	mostRow = 64  // rows side by side
	mostDim = 512 // of a head
)

// Names end in the version of the operands, so that a program kept on disk never calls a kernel of another.
const (
	productTarget   = "latentchain_product_1"
	attentionTarget = "latentchain_attention_1"
)

// Product returns the name of the function (x [n, in], w [out, in]) → x·wᵀ [n, out], all float32; "" if no kernel takes
// these sizes.
func Product(n, in, out int) string {
	if n < 1 || out < 1 || in < 1 || in%lanes != 0 || n > few && Variant() == "plain" {
		return ""
	}
	return fmt.Sprintf("%s_%dx%dx%d", productTarget, n, in, out)
}

// Attention returns the name of the function
//
//	(q [rows·t, heads, dim], past [rows] int32,
//	then for each row its new keys [groups, dim, t] and values [groups, t, dim],
//	then for each row, unless slots is 0, keys [groups, dim, slots] and values [groups, slots, dim]) → [rows·t, heads·dim]
//
// in which each new position of a row, its query scaled, sees the first past[row] slots of the row's cache and the new
// positions up to itself, of these only the last window unless window is 0; all float32. It is "" if no kernel takes
// these sizes.
func Attention(rows, t, heads, groups, dim, slots, window int) string {
	if rows < 1 || rows > mostRow || t < 1 || t > lanes && t%lanes != 0 || groups < 1 || heads%groups != 0 || dim < 1 || dim%lanes != 0 || dim > mostDim || slots%lanes != 0 || window < 0 {
		return ""
	}
	return fmt.Sprintf("%s_%dx%dx%dx%dx%dx%d_window_%d", attentionTarget, rows, t, heads, groups, dim, slots, window)
}
