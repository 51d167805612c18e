package main

import "math/rand/v2"

// Names are put together from syllables and words, so that they belong to a real
// person only by chance.
var (
	onsets = []string{"Mo", "Ka", "Ndu", "Tha", "Le", "Si", "Bo", "Zi", "Ra", "Vha", "Nku", "Dla", "Se", "Mbo", "Pho"}
	middle = []string{"ba", "le", "ndi", "ko", "se", "thu", "mi", "ra", "lo", "ne"}
	codas  = []string{"na", "ni", "lo", "tse", "ga", "di", "zo", "la", "nga", "be"}

	females = []string{"Amara", "Belinda", "Chuma", "Dineo", "Esther", "Fikile", "Gugu", "Hester", "Imani", "Jolene",
		"Khanya", "Lindiwe"}
	males = []string{"Andile", "Bongani", "Cedric", "Daniel", "Elias", "Fanie", "Graham", "Hendrik", "Isaac", "Jabu",
		"Kagiso", "Lunga"}

	streets = []string{"Acacia", "Baobab", "Cycad", "Dune", "Ebony", "Fever Tree", "Granite", "Heron"}
)

func pickOne[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func surname(r *rand.Rand) string {
	name := pickOne(r, onsets) + pickOne(r, middle)
	if r.IntN(2) == 0 {
		name += pickOne(r, middle)
	}
	return name + pickOne(r, codas)
}
