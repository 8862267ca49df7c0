/** Compares in a time that does not tell how much of the two is the same. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) {
    difference |= a[i % a.length || 0]! ^ b[i]!;
  }
  return difference === 0;
}
