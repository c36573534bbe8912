package grammar_test

import (
	"fmt"

	"github.com/latentchain/latentchain/xlaengine/grammar"
)

func ExampleVocabulary_Schema() {
	var tokens [][]byte
	for b := byte(' '); b <= '~'; b++ {
		tokens = append(tokens, []byte{b})
	}
	tokens = append(tokens, []byte(`{"`), []byte("city"), []byte(`": "`), []byte("Oslo"), []byte("Paris"))
	v, err := grammar.NewVocabulary(tokens)
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := v.Schema([]byte(`{"properties": {"city": {"enum": ["Oslo", "Paris"]}}, "required": ["city"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A model that likes the last of the tokens best.
	s := g.Start()
	for !s.Done() {
		mask := s.Mask()
		id := len(tokens) - 1
		for mask[id/64]>>(id%64)&1 == 0 {
			id--
		}
		if err := s.Accept(id); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s|", tokens[id])
	}
	_, err = v.Schema([]byte(`{"properties": {"city": {"not": {"const": "Rome"}}}}`))
	fmt.Printf("\n%v\n", err)
	// Output:
	// {"|city|": "|Paris|"|}|
	// schema: /properties/city: keyword "not" is not supported
}
