# Functions that the tests and hooks of this folder share; sourced by them, run by nobody.

. ../shared.sh

# Makes up the password of the tests' account.
read_password() {
    password=$(password_from "$(container_of_image 'postgres|pgvecto')")
}

# Makes the first account, which becomes the administrator.
set_up() {
    read_password
    send /api/auth/admin-sign-up \
        "{\"email\": \"keeper@example.com\", \"name\": \"Keeper\", \"password\": \"$password\"}" > "$TMPDIR/admin.json"
}

# Signs in, and keeps the token in a file that curl reads.
log_in() {
    read_password
    send /api/auth/login "{\"email\": \"keeper@example.com\", \"password\": \"$password\"}" > "$TMPDIR/login.json"
    printf 'header = "Authorization: Bearer %s"\n' "$(value /accessToken < "$TMPDIR/login.json")" > "$TMPDIR/token"
}

# Makes a small picture whose bytes are those of this run and word.
picture() {
    python3 -c '
import hashlib, struct, sys, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
size = 8
rows = hashlib.shake_256(sys.argv[1].encode()).digest(size * size * 3)
lines = b"".join(b"\0" + rows[at:at + size * 3] for at in range(0, len(rows), size * 3))
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))' "$mark $1" > "$TMPDIR/$1.png"
}

# Uploads the picture of a word, and notes its id.
upload() {
    picture "$1"
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    request /api/assets --config "$TMPDIR/token" \
        --form "deviceAssetId=$mark-$1" --form deviceId=ccci \
        --form "fileCreatedAt=$now" --form "fileModifiedAt=$now" \
        --form "assetData=@$TMPDIR/$1.png;type=image/png" > "$TMPDIR/asset.json"
    value /id < "$TMPDIR/asset.json" > "$CCCI_ARTIFACTS/immich-asset-$1.txt"
}

# Tells the id of the picture of a word.
id_of() {
    cat "$CCCI_ARTIFACTS/immich-asset-$1.txt"
}

# The picture of a word has to be there, byte for byte.
expect_picture() {
    picture "$1"
    request "/api/assets/$(id_of "$1")/original" --config "$TMPDIR/token" --output "$TMPDIR/original"
    cmp -s "$TMPDIR/$1.png" "$TMPDIR/original" || fail "the picture that was uploaded is not the one that is there"
}
