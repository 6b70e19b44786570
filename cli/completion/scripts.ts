/** Scripts with which shells complete command lines of podwire, made from the tree of its commands. */
import type { CompletedCommand, CompletedOption } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Names under which the program is found; kubectl runs the second. */
const PROGRAMS = ['podwire', 'kubectl-podwire'];

export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  if (shell === 'fish') return fishScript(commands);
  return shell === 'bash' ? bashScript(commands) : zshScript(commands);
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const groups = commands.filter(({ subcommands }) => subcommands.length > 0);
  const descents = groups.flatMap(({ path, subcommands }) => subcommands.map((name) => `'${path} ${name}'`));
  const values = commands.flatMap(({ path, options }) =>
    options.filter(({ takesValue }) => takesValue).map((option) => valueCase(path, option)),
  );
  const words = commands.map(
    ({ path, subcommands, choices, options }) =>
      `    '${path}') words='${[...subcommands, ...choices, ...options.flatMap(({ names }) => names)].join(' ')}' ;;`,
  );
  return `# bash completion of podwire: source <(podwire completion bash)
_podwire() {
  local cur prev path word i words=''
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  path=podwire
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$path $word" in
      ${descents.join(' | ')}) path="$path $word" ;;
    esac
  done
  COMPREPLY=()
  case "$path $prev" in
${values.join('\n')}
  esac
  case "$path" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
${PROGRAMS.map((name) => `complete -o default -F _podwire ${name}`).join('\n')}
`;
}

/** Of a value that may be anything the shell's own completion is used: for files. */
function valueCase(path: string, { names, choices }: CompletedOption): string {
  const patterns = names.map((name) => `'${path} ${name}'`).join(' | ');
  return choices.length === 0
    ? `    ${patterns}) return ;;`
    : `    ${patterns}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`;
}

const zshScript = (commands: readonly CompletedCommand[]): string =>
  `#compdef ${PROGRAMS.join(' ')}\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const when = fishCondition(command, commands);
    return [
      ...command.subcommands.map((name) => {
        const help = commands.find(({ path }) => path === `${command.path} ${name}`)?.help ?? '';
        return `-n '${when}' -f -a ${name}${described(help)}`;
      }),
      ...command.choices.map((choice) => `-n '${when}' -f -a ${choice}`),
      ...command.options.map((option) => fishOption(when, option)),
    ];
  });
  return PROGRAMS.map((program) => lines.map((line) => `complete -c ${program} ${line}\n`).join('')).join('');
}

/** Its own words are there, and none of its subcommands. */
function fishCondition({ path, subcommands }: CompletedCommand, commands: readonly CompletedCommand[]): string {
  const seen = path
    .split(' ')
    .slice(1)
    .map((word) => `__fish_seen_subcommand_from ${word}`);
  const below =
    path === commands[0]?.path ? '__fish_use_subcommand' : `not __fish_seen_subcommand_from ${subcommands.join(' ')}`;
  return [...seen, ...(subcommands.length === 0 ? [] : [below])].join('; and ');
}

function fishOption(when: string, { names, help, takesValue, choices }: CompletedOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const value = !takesValue ? '' : choices.length === 0 ? ' -r' : ` -x -a '${choices.join(' ')}'`;
  return `-n '${when}' ${flags.join(' ')}${value}${described(help)}`;
}

const described = (help: string): string => (help === '' ? '' : ` -d '${help.replaceAll("'", "\\'")}'`);
