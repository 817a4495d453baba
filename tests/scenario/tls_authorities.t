# A ca_file that is not there, or holds no certificate, is refused when the config loads, with its line and column.
upstream a openai
config <<X
loops: 1
ca_file: $folder/nothing.pem
X
refused "hearth.yaml:2:10: ca_file: "
config <<X
ca_file: $folder/hearth.yaml
X
refused "holds no certificate"
config <<X
ca_file: /dev/null
X
refused "hearth.yaml:1:10: ca_file: /dev/null holds no certificate"
