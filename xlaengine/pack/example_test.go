package pack_test

import (
	"fmt"

	"github.com/latentchain/latentchain/xlaengine/pack"
)

func Example() {
	const kv, headDim, n = 1, 2, 3
	keys := []float32{ // [kv, head_dim, capacity], with room for four positions
		0, 1, 2.55, -1,
		100, 101, 102.55, -1,
	}
	values := []float32{0.5, 0.5, 3, 5.55, -7, -7, -1, -1} // [kv, capacity, head_dim]
	layer, err := pack.Pack(pack.Int8, keys, values, kv, headDim, 4, n)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Back into slots for five.
	keys, values = make([]float32, kv*headDim*5), make([]float32, kv*headDim*5)
	if err := layer.Unpack(keys, values, 5); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n%.2f\n", keys, values)
	// Output:
	// [0.00 1.00 2.55 0.00 0.00 100.00 101.00 102.55 0.00 0.00]
	// [0.50 0.50 3.00 5.55 -7.00 -7.00 0.00 0.00 0.00 0.00]
}
