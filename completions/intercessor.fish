# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_intercessor_global_optspecs
    string join \n c/config= h/help V/version
end

function __fish_intercessor_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_intercessor_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_intercessor_using_subcommand
    set -l cmd (__fish_intercessor_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c intercessor -n "__fish_intercessor_needs_command" -s c -l config -d 'Run the relay with this configuration, in the foreground; logs go to standard error' -r -F
complete -c intercessor -n "__fish_intercessor_needs_command" -s h -l help -d 'Print help'
complete -c intercessor -n "__fish_intercessor_needs_command" -s V -l version -d 'Print version'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "check" -d 'Check a configuration and everything that it names, without opening anything'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "hash" -d 'Make the hash of a passphrase for the configuration'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "cert" -d 'Make a self-signed certificate for trying out'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "health" -d 'Ask a relay for its state over plain HTTP: done if it answers 200'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "connect" -d 'Be a peer: print what arrives, send each line of standard input'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "completions" -d 'Print a script by which a shell completes the command line'
complete -c intercessor -n "__fish_intercessor_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c intercessor -n "__fish_intercessor_using_subcommand check" -s c -l config -d 'The configuration file' -r -F
complete -c intercessor -n "__fish_intercessor_using_subcommand check" -l type -d 'Judge one message of this type; needs --message' -r -f
complete -c intercessor -n "__fish_intercessor_using_subcommand check" -l message -d 'The message to judge: a JSON file' -r -F
complete -c intercessor -n "__fish_intercessor_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c intercessor -n "__fish_intercessor_using_subcommand hash" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c intercessor -n "__fish_intercessor_using_subcommand cert" -l out -d 'Where relay.pem and relay.key go; made if it is not there' -r -f -a "(__fish_complete_directories)"
complete -c intercessor -n "__fish_intercessor_using_subcommand cert" -l name -d 'A name or address that the certificate is for; may be repeated' -r -f -a "(__fish_print_hostnames)"
complete -c intercessor -n "__fish_intercessor_using_subcommand cert" -l force -d 'Overwrite files that are there already'
complete -c intercessor -n "__fish_intercessor_using_subcommand cert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c intercessor -n "__fish_intercessor_using_subcommand health" -s h -l help -d 'Print help'
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l name -d 'The name of the passphrase' -r -f
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l passphrase-file -d 'A file whose first line is the passphrase' -r -F
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l linger -d 'Stay this long after the end of input, to print what still arrives' -r -f
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l ca -d 'Trust the certificates in this PEM file instead of the system\'s' -r -F
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l cert-hash -d 'Trust the one certificate with this SHA-256, in base64 or hex' -r -f
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l resume -d 'Come back by itself when the connection breaks, with nothing lost'
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -l insecure -d 'Accept any certificate'
complete -c intercessor -n "__fish_intercessor_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c intercessor -n "__fish_intercessor_using_subcommand completions" -s h -l help -d 'Print help'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "check" -d 'Check a configuration and everything that it names, without opening anything'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "hash" -d 'Make the hash of a passphrase for the configuration'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "cert" -d 'Make a self-signed certificate for trying out'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "health" -d 'Ask a relay for its state over plain HTTP: done if it answers 200'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "connect" -d 'Be a peer: print what arrives, send each line of standard input'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "completions" -d 'Print a script by which a shell completes the command line'
complete -c intercessor -n "__fish_intercessor_using_subcommand help; and not __fish_seen_subcommand_from check hash cert health connect completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
