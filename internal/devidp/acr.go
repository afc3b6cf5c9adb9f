package devidp

import "slices"

// How a person signed in, as the acr claim has it. The provider takes their word for it: a password or a code is never
// asked for.
const (
	weak   = "pwd" // with a password
	strong = "mfa" // with a second factor, too
)

func acrValues() []string { return []string{weak, strong} }

// amr says the same in the words of RFC 8176.
func amr(acr string) []string {
	if acr == strong {
		return []string{"pwd", "otp", "mfa"}
	}
	return []string{"pwd"}
}

// acrWish returns what the client prefers among asked, the values of acr_values; they come in order of preference.
func acrWish(asked []string) string {
	i := slices.IndexFunc(asked, func(s string) bool { return slices.Contains(acrValues(), s) })
	if i < 0 {
		return ""
	}
	return asked[i]
}
