package kernels

// What becomes of a program's text, and which sizes have kernels.

import (
	"strings"
	"testing"
)

func TestCallsBecomeCustomCalls(t *testing.T) {
	product, attention := Product(8, 576, 960), Attention(2, 1, 9, 3, 64, 0, 128)
	for _, c := range []struct{ claim, line, want string }{
		{
			"a product",
			`%9 = "func.call"(%8, %arg5) { callee = @` + product + ` } : (tensor<8x576xf32>, tensor<960x576xf32>) -> tensor<8x960xf32>`,
			`%9 = "stablehlo.custom_call"(%8, %arg5) { call_target_name = "latentchain_product_1", api_version = 4 : i32, backend_config = {}, ` +
				`operand_layouts = [dense<[1, 0]> : tensor<2xindex>, dense<[1, 0]> : tensor<2xindex>], result_layouts = [dense<[1, 0]> : tensor<2xindex>] }` +
				` : (tensor<8x576xf32>, tensor<960x576xf32>) -> tensor<8x960xf32>`,
		},
		{
			"an attention",
			`%9 = "func.call"(%1, %2) { callee = @` + attention + ` } : (tensor<2x9x64xf32>, tensor<2xi32>) -> tensor<2x576xf32>`,
			`%9 = "stablehlo.custom_call"(%1, %2) { call_target_name = "latentchain_attention_1", api_version = 4 : i32, backend_config = {window = 128 : i64}, ` +
				`operand_layouts = [dense<[2, 1, 0]> : tensor<3xindex>, dense<[0]> : tensor<1xindex>], result_layouts = [dense<[1, 0]> : tensor<2xindex>] }` +
				` : (tensor<2x9x64xf32>, tensor<2xi32>) -> tensor<2x576xf32>`,
		},
		{"another function", `%9 = "func.call"(%1) { callee = @softmax_8x576 } : (tensor<8xf32>) -> tensor<8xf32>`, ""},
		{"the function itself", `func.func @` + product + `(%in0: tensor<8x576xf32>, %in1: tensor<960x576xf32>) -> tensor<8x960xf32> {`, ""},
	} {
		before, after := "module @m {\n  func.func @main() {\n    ", "\n  }\n}\n"
		got := string(rewrite([]byte(before + c.line + after)))
		want := before + c.want + after
		if c.want == "" {
			want = ""
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.claim, got, want)
		}
	}
}

func TestOnlySizesThatFitHaveKernels(t *testing.T) {
	for claim, name := range map[string]string{
		"no rows": Product(0, 16, 1), "no columns": Product(1, 16, 0), "a length between vectors": Product(1, 24, 8), "a length of 0": Product(1, 0, 8),
		"heads between groups":     Attention(1, 1, 9, 2, 64, 384, 0),
		"a head between vectors":   Attention(1, 1, 9, 3, 40, 384, 0),
		"a large head":             Attention(1, 1, 9, 3, 528, 384, 0),
		"slots between vectors":    Attention(1, 1, 9, 3, 64, 100, 0),
		"many rows":                Attention(65, 1, 9, 3, 64, 384, 0),
		"positions between chunks": Attention(1, 17, 9, 3, 64, 384, 0),
		"a negative window":        Attention(1, 1, 9, 3, 64, 384, -1),
	} {
		if name != "" {
			t.Errorf("%s has the kernel %s", claim, name)
		}
	}
	for claim, name := range map[string]string{
		"product": Product(3, 16, 5), "attention": Attention(64, 16, 8, 8, 128, 0, 0), "long chunk": Attention(1, 256, 9, 3, 64, 512, 4096),
	} {
		if !strings.HasPrefix(name, "latentchain_") {
			t.Errorf("%s has no kernel", claim)
		}
	}
}
