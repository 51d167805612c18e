package sheets

import "hash/crc32"

// combineCRC returns the CRC-32 of two consecutive pieces from the CRC of each and
// the length of the second. The polynomial is reflected: bit 31 is x^0.
func combineCRC(first, second uint32, length int64) uint32 {
	// Each following byte multiplies the first CRC by x^8.
	shift, power := uint32(1)<<31, uint32(1)<<(31-8)
	for n := length; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = multiplyPolynomials(shift, power)
		}
		power = multiplyPolynomials(power, power)
	}
	return multiplyPolynomials(first, shift) ^ second
}

// multiplyPolynomials multiplies two polynomials modulo the CRC's.
func multiplyPolynomials(a, b uint32) (product uint32) {
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
