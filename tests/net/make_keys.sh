#!/bin/sh
# make_keys.sh FOLDER: an authority of the tests' own (mine.pem), and certificates that it vouches for: here.pem for this
# machine's loopback, elsewhere.pem for another name. stranger.pem is an authority that vouched for nobody.
set -e
cd "$1"
exec >/dev/null 2>&1
elliptic="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
for authority in mine stranger; do
    openssl req -x509 $elliptic -days 3650 -subj "/CN=$authority" -keyout $authority.key -out $authority.pem
done
certify() {
    openssl req $elliptic -subj /CN=test -keyout "$1.key" -out request.pem
    echo "subjectAltName=$2" >names
    openssl x509 -req -in request.pem -CA mine.pem -CAkey mine.key -set_serial "$3" -days 3650 -extfile names -out "$1.pem"
}
certify here DNS:localhost,IP:127.0.0.1 1
certify elsewhere DNS:elsewhere.example 2
