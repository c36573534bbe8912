package align

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/weights"
)

func matrix(rows, cols int, v ...float32) Matrix { return Matrix{rows, cols, v} }

func TestSolveByHand(t *testing.T) {
	for _, test := range []struct {
		claim     string
		win, wout Matrix
		lambda    float64
		wa        []float32
		mean      float64
	}{
		// WoutᵀWout = diag(2, 1), WoutᵀWin = [[1+3, 2+4], [5, 6]].
		{"untied", matrix(3, 2, 1, 2, 3, 4, 5, 6), matrix(3, 2, 1, 0, 1, 0, 0, 1), 1, []float32{4. / 3, 2, 2.5, 3}, (math.Sqrt(5) + 5 + math.Sqrt(61)) / 3},
		// A rotation of the plane by a quarter turn is found again.
		{"rotation", matrix(2, 2, 0, 1, -1, 0), matrix(2, 2, 1, 0, 0, 1), 1e-12, []float32{0, 1, -1, 0}, 1},
		{"one feature", matrix(2, 1, 3, 4), matrix(2, 1, 1, 2), 6, []float32{1}, 3.5},
	} {
		a, err := Solve(test.win, test.wout, test.lambda)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range test.wa {
			if math.Abs(float64(a.Wa[i]-want)) > 1e-6 {
				t.Errorf("%s: Wa is %v, want %v", test.claim, a.Wa, test.wa)
				break
			}
		}
		if math.Abs(a.MeanNorm-test.mean) > 1e-9 || a.Lambda != test.lambda || a.D != test.win.Cols {
			t.Errorf("%s: mean %g, lambda %g, width %d", test.claim, a.MeanNorm, a.Lambda, a.D)
		}
	}
}

// More rows than a chunk, and not a multiple of it, against sums written out.
func TestSumsTakeEveryRowOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const rows, d = 3*chunkRows + 17, 67
	win, wout := Matrix{rows, d, make([]float32, rows*d)}, Matrix{rows, d, make([]float32, rows*d)}
	for i := range win.Data {
		win.Data[i], wout.Data[i] = random.Float32()-0.5, random.Float32()-0.5
	}
	for _, in := range []Matrix{win, wout} { // untied, tied
		gram, cross, err := sums(in, wout)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			for j := range d {
				var g, c float64
				for row := range rows {
					g += float64(wout.Data[row*d+i]) * float64(wout.Data[row*d+j])
					c += float64(wout.Data[row*d+i]) * float64(in.Data[row*d+j])
				}
				if math.Abs(gram[i*d+j]-g) > 1e-10 || math.Abs(cross[i*d+j]-c) > 1e-10 {
					t.Fatalf("[%d %d]: got %g and %g, want %g and %g", i, j, gram[i*d+j], cross[i*d+j], g, c)
				}
			}
		}
	}
}

func TestSolveRefuses(t *testing.T) {
	good, nan := matrix(2, 2, 1, 2, 3, 4), matrix(2, 2, 1, 2, float32(math.NaN()), 4)
	infinite := matrix(2, 2, 1, 2, 3, float32(math.Inf(-1)))
	for _, test := range []struct {
		win, wout Matrix
		lambda    float64
		want      string
	}{
		{good, good, 0, "align: lambda is 0, must be positive"},
		{good, good, -1, "align: lambda is -1, must be positive"},
		{good, good, math.NaN(), "align: lambda is NaN, must be positive"},
		{good, good, math.Inf(1), "align: lambda is +Inf, must be positive"},
		{nan, good, 1, "align: win: row 1, column 0 is NaN"},
		{good, infinite, 1, "align: wout: row 1, column 1 is -Inf"},
		{nan, nan, 1, "align: wout: row 1, column 0 is NaN"},
		{good, matrix(1, 2, 1, 2), 1, "align: win is [2 2] and wout [1 2], must be of one shape"},
		{Matrix{}, good, 1, "align: win is [0 0] with 0 numbers"},
		{good, Matrix{2, 2, nil}, 1, "align: wout is [2 2] with 0 numbers"},
		{good, Matrix{-2, -2, make([]float32, 4)}, 1, "align: wout is [-2 -2] with 4 numbers"},
		{matrix(1, 2, 1, 1), matrix(1, 2, 1, 1), 1e-300, "align: lambda 1e-300 is too small for these embeddings"},
	} {
		if _, err := Solve(test.win, test.wout, test.lambda); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	for _, bad := range []Matrix{nan, infinite, {}} {
		if _, err := Identity(bad); err == nil {
			t.Errorf("identity of %v", bad)
		}
	}
}

func TestConditionOfTheSystem(t *testing.T) {
	a, err := Solve(matrix(2, 2, 1, 0, 0, 1000), matrix(2, 2, 1, 0, 0, 1000), 1e-9)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a.Cond/1e6-1) > 1e-3 { // diag(1, 1000²)
		t.Errorf("condition number %g, want 1e6", a.Cond)
	}
}

// The alignments of the oracle (PyTorch, float64 solve) for the tiny models.
func TestAlignmentEqualsOracle(t *testing.T) {
	for _, name := range []string{"tiny-llama3", "tiny-qwen2", "tiny-qwen3"} {
		t.Run(name, func(t *testing.T) { testGolden(t, "../testdata/models/"+name, "../testdata/golden/"+name+".json") })
	}
}

func testGolden(t *testing.T, model, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name      string
			Lambda    float64
			Realign   bool
			Alignment struct {
				MeanNorm float64   `json:"mean_norm"`
				Fro      float64   `json:"wa_fro"`
				Trace    float64   `json:"wa_trace"`
				Head     []float64 `json:"wa_head"`
			}
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) == 0 {
		t.Fatal("no cases")
	}
	win, wout := tables(t, model)
	for _, c := range golden.Cases {
		var a *Alignment
		if c.Realign {
			a, err = Solve(win, wout, c.Lambda)
		} else {
			a, err = Identity(win)
		}
		if err != nil {
			t.Fatal(err)
		}
		var square, trace float64
		for i, v := range a.Wa {
			square += float64(v) * float64(v)
			if i/a.D == i%a.D {
				trace += float64(v)
			}
		}
		near := func(what string, got, want, within float64) {
			if !(math.Abs(got-want) <= within) {
				t.Errorf("%s: %s is %.8g, want %.8g", c.Name, what, got, want)
			}
		}
		near("mean norm", a.MeanNorm, c.Alignment.MeanNorm, 3e-6)
		// The oracle sums squares in float32, where many small ones vanish: 4e-5 in one of its cases.
		near("Frobenius norm", math.Sqrt(square), c.Alignment.Fro, 1e-4*c.Alignment.Fro)
		near("trace", trace, c.Alignment.Trace, 1e-5+1e-7*c.Alignment.Trace)
		for i, want := range c.Alignment.Head {
			near(fmt.Sprintf("Wa[0, %d]", i), float64(a.Wa[i]), want, 2e-7)
		}
	}
}

func tables(t *testing.T, model string) (win, wout Matrix) {
	m, err := weights.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	read := func(name string) Matrix {
		shape, _ := m.Shape(name)
		x := Matrix{shape[0], shape[1], make([]float32, shape[0]*shape[1])}
		if err := m.Read(name, x.Data); err != nil {
			t.Fatal(err)
		}
		return x
	}
	win = read("model.embed_tokens.weight")
	if m.Config.Tied {
		return win, win
	}
	return win, read("lm_head.weight")
}

func BenchmarkSolve(b *testing.B) {
	m := Matrix{4096, 576, make([]float32, 4096*576)}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Data {
		m.Data[i] = random.Float32() - 0.5
	}
	for b.Loop() {
		if _, err := Solve(m, m, 1e-5); err != nil {
			b.Fatal(err)
		}
	}
}
