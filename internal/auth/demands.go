package auth

import "slices"

// MaxClockSkew is how far the provider's clock may be from ours: beyond that, ID tokens seem to come from the future.
const MaxClockSkew = clockSkew

// SigningAlgs returns the algorithms a token may be signed with.
func SigningAlgs() []string { return slices.Clone(signingAlgs) }
