package kernels

// Putting the kernels into a program: calls of functions with their names become custom calls of XLA's foreign function
// interface. The code is StableHLO as go-xla writes it, an operation a line:
//
//	%9 = "func.call"(%8, %arg5) { callee = @NAME } : (tensor<8x576xf32>, tensor<960x576xf32>) -> tensor<8x960xf32>

import (
	"fmt"
	"regexp"
	"strings"
)

var call = regexp.MustCompile(`"func\.call"(\([^)]*\)) \{ callee = @(` + productTarget + `|` + attentionTarget + `)_([0-9x]+)(?:_window_([0-9]+))? \} : \(([^)]*)\) -> (tensor<[^>]*>)`)

// rewrite returns code with the calls of kernels in it, nil if there are none.
func rewrite(code []byte) []byte {
	if !call.Match(code) {
		return nil
	}
	return call.ReplaceAllFunc(code, func(line []byte) []byte {
		m := call.FindSubmatch(line)
		operands, target, window, types, result := m[1], m[2], m[4], string(m[5]), string(m[6])
		config := ""
		if len(window) > 0 {
			config = fmt.Sprintf("window = %s : i64", window)
		}
		var layouts []string
		for _, t := range strings.SplitAfter(types, ">, ") {
			layouts = append(layouts, layout(strings.TrimSuffix(t, ", ")))
		}
		return fmt.Appendf(nil, `"stablehlo.custom_call"%s { call_target_name = "%s", api_version = 4 : i32, backend_config = {%s}, operand_layouts = [%s], result_layouts = [%s] } : (%s) -> %s`,
			operands, target, config, strings.Join(layouts, ", "), layout(result), types, result)
	})
}

// layout is that of a tensor whose last axis is the one that is contiguous in memory.
func layout(tensor string) string {
	rank := strings.Count(tensor, "x")
	axes := make([]string, rank)
	for i := range axes {
		axes[i] = fmt.Sprint(rank - 1 - i)
	}
	return fmt.Sprintf("dense<[%s]> : tensor<%dxindex>", strings.Join(axes, ", "), rank)
}
