package sheets

import "hash/crc32"

// combine returns the CRC-32 of two pieces in a row from the CRC of each and
// the length of the second. The polynomial is the field's reflected one: bit 31
// is x^0.
func combine(first, second uint32, length int64) uint32 {
	// Each byte that follows multiplies the first by x^8.
	shift, power := uint32(1)<<31, uint32(1)<<(31-8)
	for n := length; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = multiply(shift, power)
		}
		power = multiply(power, power)
	}
	return multiply(first, shift) ^ second
}

// multiply multiplies two polynomials modulo the CRC's own.
func multiply(a, b uint32) (product uint32) {
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		// b times x
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}
