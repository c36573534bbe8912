package sample

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// logs returns logits whose softmax is in proportion to the weights.
func logs(weights ...float64) []float32 {
	var logits []float32
	for _, w := range weights {
		logits = append(logits, float32(math.Log(w)))
	}
	return logits
}

func next(t *testing.T, s *Sampler, logits []float32) int {
	t.Helper()
	id, err := s.Next(logits)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestGreedy(t *testing.T) {
	for _, test := range []struct {
		claim  string
		logits []float32
		want   int
	}{
		{"the highest", []float32{1, 3, 2}, 1},
		{"of equal ones the lowest", []float32{1, 3, 3, 3}, 1},
		{"negative ones too", []float32{-5, -4, -6}, 1},
		{"banned ones never", []float32{float32(math.Inf(-1)), -1e30}, 1},
	} {
		for _, p := range []Params{{}, {TopK: 1, Temperature: 1}} {
			if got := next(t, New(p), test.logits); got != test.want {
				t.Errorf("%s: %v gives %d, want %d", test.claim, test.logits, got, test.want)
			}
		}
	}
}

// Which tokens are ever drawn, and how often, against shares worked out by hand.
func TestShares(t *testing.T) {
	logits := logs(0.4, 0.05, 0.3, 0.2, 0.05)
	for _, test := range []struct {
		claim string
		p     Params
		want  [5]float64
	}{
		{"as the model says", Params{Temperature: 1}, [5]float64{0.4, 0.05, 0.3, 0.2, 0.05}},
		{"half the temperature squares", Params{Temperature: 0.5}, [5]float64{.16 / .295, .0025 / .295, .09 / .295, .04 / .295, .0025 / .295}},
		{"top-k", Params{Temperature: 1, TopK: 2}, [5]float64{4. / 7, 0, 3. / 7, 0, 0}},
		{"top-k takes the lower of equal tokens", Params{Temperature: 1, TopK: 4}, [5]float64{0.4 / 0.95, 0.05 / 0.95, 0.3 / 0.95, 0.2 / 0.95, 0}},
		{"top-k beyond the vocabulary", Params{Temperature: 1, TopK: 9}, [5]float64{0.4, 0.05, 0.3, 0.2, 0.05}},
		{"top-p includes the token that crosses it", Params{Temperature: 1, TopP: 0.6}, [5]float64{4. / 7, 0, 3. / 7, 0, 0}},
		{"top-p of nearly nothing is one token", Params{Temperature: 1, TopP: 1e-9}, [5]float64{1}},
		{"top-p of 1 is all", Params{Temperature: 1, TopP: 1}, [5]float64{0.4, 0.05, 0.3, 0.2, 0.05}},
		{"top-p counts within top-k", Params{Temperature: 1, TopK: 2, TopP: 0.5}, [5]float64{1}},
		{"min-p", Params{Temperature: 1, MinP: 0.45}, [5]float64{4. / 9, 0, 3. / 9, 2. / 9, 0}},
		{"min-p of 1", Params{Temperature: 1, MinP: 1}, [5]float64{1}},
		{"min-p is after the temperature", Params{Temperature: 0.5, MinP: 0.45}, [5]float64{.16 / .25, 0, .09 / .25, 0, 0}},
		{"top-p and min-p", Params{Temperature: 1, TopP: 0.95, MinP: 0.6}, [5]float64{4. / 7, 0, 3. / 7, 0, 0}},
		{"nearly no temperature", Params{Temperature: 1e-12}, [5]float64{1}},
	} {
		t.Run(test.claim, func(t *testing.T) {
			const draws = 20000
			s, counts := New(test.p), [5]int{}
			for range draws {
				counts[next(t, s, logits)]++
			}
			for id, want := range test.want {
				got := float64(counts[id]) / draws
				if want == 0 && got > 0 || math.Abs(got-want) > 5*math.Sqrt(0.25/draws) {
					t.Errorf("token %d: %.3f of the draws, want %.3f", id, got, want)
				}
			}
		})
	}
}

// The heaps against sorting everything, on logits with many equal values.
func TestCandidatesEqualFullSort(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		logits := make([]float32, 1+random.IntN(300))
		for i := range logits {
			logits[i] = float32(random.IntN(40)) / 4
		}
		p := Params{Temperature: 0.3 + random.Float64(), TopK: random.IntN(400), TopP: random.Float64(), MinP: random.Float64() * 0.1 * float64(random.IntN(2))}
		best, err := likeliest(logits)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, c := range New(p).choose(logits, logits[best]) {
			got = append(got, c.id)
		}
		want := sorted(p, logits)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v, %d tokens: got %v, want %v", p, len(logits), got, want)
		}
	}
}

func sorted(p Params, logits []float32) []int {
	ids := make([]int, len(logits))
	for i := range ids {
		ids[i] = i
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if p.TopK > 0 && p.TopK < len(ids) {
		ids = ids[:p.TopK]
	}
	weight := func(id int) float64 { return math.Exp((float64(logits[id]) - float64(logits[ids[0]])) / p.Temperature) }
	var total, sum float64
	for _, id := range ids {
		total += weight(id)
	}
	for i, id := range ids {
		if i > 0 && (p.TopP > 0 && sum >= p.TopP*total || weight(id) < p.MinP) {
			return ids[:i]
		}
		sum += weight(id)
	}
	return ids
}

func TestPenalties(t *testing.T) {
	for _, test := range []struct {
		claim          string
		p              Params
		prompt, output []int
		want           []float32
	}{
		{"off", Params{RepetitionPenalty: 1}, []int{0}, []int{1, 1}, []float32{4, 2, -1, -3}},
		{"repetition divides what is positive and multiplies what is not", Params{RepetitionPenalty: 2}, []int{0, 0, 2}, []int{2, 3}, []float32{2, 2, -2, -6}},
		{"frequency counts the output", Params{FrequencyPenalty: 0.5}, []int{0, 0}, []int{1, 1, 3}, []float32{4, 1, -1, -3.5}},
		{"presence is taken once", Params{PresencePenalty: 0.5}, []int{0}, []int{1, 1, 3}, []float32{4, 1.5, -1, -3.5}},
		{"all, repetition first", Params{RepetitionPenalty: 2, FrequencyPenalty: 0.25, PresencePenalty: 0.5}, []int{1}, []int{0, 0}, []float32{1, 1, -1, -3}},
		{"tokens out of the vocabulary are no matter", Params{RepetitionPenalty: 2, PresencePenalty: 1}, []int{-1, 99}, []int{-7, 77}, []float32{4, 2, -1, -3}},
	} {
		s, logits := New(test.p), []float32{4, 2, -1, -3}
		s.Prompt(test.prompt)
		for _, id := range test.output {
			s.Accept(id)
		}
		if got := s.penalize(logits); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.claim, got, test.want)
		}
		if !slices.Equal(logits, []float32{4, 2, -1, -3}) {
			t.Errorf("%s: the caller's logits are %v now", test.claim, logits)
		}
	}
}

func TestPenaltiesHoldForGreedy(t *testing.T) {
	s := New(Params{PresencePenalty: 1})
	var got []int
	for range 3 {
		id := next(t, s, []float32{1, 0.5, 0.2})
		s.Accept(id)
		got = append(got, id)
	}
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got %v, want each token once", got)
	}
}

func TestSameSeedSameTokens(t *testing.T) {
	flat := make([]float32, 1000)
	draw := func(seed uint64, s *Sampler) string {
		if s == nil {
			s = New(Params{Temperature: 1, Seed: seed})
		}
		var ids []int
		for range 8 {
			ids = append(ids, next(t, s, flat))
		}
		return fmt.Sprint(ids)
	}
	if a, b := draw(1, nil), draw(1, nil); a != b {
		t.Errorf("seed 1 gives %s and %s", a, b)
	}
	if a, b := draw(1, nil), draw(2, nil); a == b {
		t.Errorf("seeds 1 and 2 both give %s", a)
	}
	// Drawing from one row between two draws of another changes nothing.
	a, b := New(Params{Temperature: 1, Seed: 1}), New(Params{Temperature: 1, Seed: 1})
	draw(0, a)
	draw(0, a)
	if want := draw(1, nil); draw(0, b) != want {
		t.Errorf("a row's draws depend on another's")
	}
}

func TestNextRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, test := range []struct {
		logits []float32
		want   string
	}{
		{nil, "no token has a finite logit"},
		{[]float32{-inf, -inf}, "no token has a finite logit"},
		{[]float32{1, nan, 2}, "the logit of token 1 is NaN"},
		{[]float32{nan}, "the logit of token 0 is NaN"},
		{[]float32{1, 2, inf}, "the logit of token 2 is infinite"},
	} {
		for _, p := range []Params{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}, {Temperature: 1, TopP: 0.5}} {
			if _, err := New(p).Next(test.logits); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v: got %v, want %s", test.logits, err, test.want)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, p := range []Params{{}, {Temperature: 0.7, TopK: 40, TopP: 0.9, MinP: 0.05, RepetitionPenalty: 1.1, FrequencyPenalty: -2, PresencePenalty: 2}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, test := range []struct {
		p    Params
		want string
	}{
		{Params{Temperature: -1}, "temperature is -1, want 0 to 100"},
		{Params{Temperature: math.NaN()}, "temperature is NaN, want 0 to 100"},
		{Params{Temperature: math.Inf(1)}, "temperature is +Inf, want 0 to 100"},
		{Params{TopK: -1}, "top-k is -1, want 0 to 2.147483647e+09"},
		{Params{TopP: 1.1}, "top-p is 1.1, want 0 to 1"},
		{Params{MinP: -0.1}, "min-p is -0.1, want 0 to 1"},
		{Params{RepetitionPenalty: -1}, "repetition penalty is -1, want 0 to 100"},
		{Params{FrequencyPenalty: 3}, "frequency penalty is 3, want -2 to 2"},
		{Params{PresencePenalty: -3}, "presence penalty is -3, want -2 to 2"},
	} {
		if err := test.p.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
		if _, err := New(test.p).Next([]float32{1, 2}); err != nil {
			t.Errorf("%+v: %v", test.p, err)
		}
	}
}

func TestLogProbs(t *testing.T) {
	logits := logs(0.1, 0.4, 0.4, 0.1)
	chosen, likely, err := LogProbs(logits, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %.3f", chosen.ID, math.Exp(chosen.LogProb))
	for _, l := range likely {
		got += fmt.Sprintf(", %d %.3f", l.ID, math.Exp(l.LogProb))
	}
	if want := "3 0.100, 1 0.400, 2 0.400, 0 0.100"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, test := range []struct {
		logits []float32
		id, n  int
		want   string
	}{
		{logits, 4, 1, "sample: token 4 of 4"},
		{logits, -1, 1, "sample: token -1 of 4"},
		{logits, 0, -1, "sample: the -1 likeliest tokens"},
		{[]float32{float32(math.NaN())}, 0, 0, "sample: the logit of token 0 is NaN"},
	} {
		if _, _, err := LogProbs(test.logits, test.id, test.n); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if _, likely, err := LogProbs(logits, 0, 99); err != nil || len(likely) != 4 {
		t.Errorf("99 of 4 tokens: got %v, %v", likely, err)
	}
}

func ExampleSampler() {
	s := New(Params{}) // greedy
	id, err := s.Next([]float32{0.1, 2.5, -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Accept(id)
	fmt.Println(id)
	// Output: 1
}

func BenchmarkNext(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	peaked, flat := make([]float32, 49152), make([]float32, 49152)
	for i := range peaked {
		peaked[i] = float32(random.NormFloat64() * 3)
		flat[i] = float32(random.NormFloat64() * 0.01)
	}
	for _, test := range []struct {
		name   string
		p      Params
		logits []float32
	}{
		{"greedy", Params{}, peaked},
		{"greedy with penalties", Params{RepetitionPenalty: 1.1}, peaked},
		{"temperature", Params{Temperature: 0.8}, peaked},
		{"top-k 40", Params{Temperature: 0.8, TopK: 40}, peaked},
		{"top-p 0.9", Params{Temperature: 0.8, TopP: 0.9}, peaked},
		{"top-p 0.9, flat", Params{Temperature: 0.8, TopP: 0.9}, flat},
		{"top-k 40, top-p 0.9, min-p 0.05", Params{Temperature: 0.8, TopK: 40, TopP: 0.9, MinP: 0.05}, peaked},
	} {
		b.Run(test.name, func(b *testing.B) {
			s := New(test.p)
			s.Prompt([]int{1, 2, 3})
			for b.Loop() {
				if _, err := s.Next(test.logits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
