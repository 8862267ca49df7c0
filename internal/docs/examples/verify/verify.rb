require "openssl"

TOLERANCE = 300 # seconds

# Returns for a request that was signed with the secret (whsec_…) within the last five minutes, else raises an error.
# headers is a Hash with names in lower case; body is the String as it was received: JSON that was parsed and generated
# again has another signature.
def verify(secret, headers, body, now: Time.now.to_i)
  key = secret.delete_prefix("whsec_").unpack1("m0")
  raise ArgumentError, "the secret is not whsec_ and base64" if key.empty?

  id, timestamp = headers.values_at("webhook-id", "webhook-timestamp")
  if id.to_s.empty? || !timestamp.to_s.match?(/\A[0-9]{1,15}\z/)
    raise ArgumentError, "webhook-id or webhook-timestamp is missing or malformed"
  end
  raise ArgumentError, "webhook-timestamp is too far from now" if (now - timestamp.to_i).abs > TOLERANCE

  mac = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body.b)
  want = "v1,#{[mac].pack("m0")}"
  signatures = headers["webhook-signature"].to_s.split(" ") # two while a secret is rotated
  return if signatures.any? { |s| OpenSSL.secure_compare(s, want) }

  raise ArgumentError, "webhook-signature does not match"
end
