/** Small wrong changes to a source file: each is one that tests should notice. */
import ts from 'typescript';

export interface Mutant {
  /** Name of the top-level declaration that it is in. */
  readonly within: string;
  readonly line: number;
  /** What stands there, and what stands there instead, with white space as single spaces. */
  readonly from: string;
  readonly to: string;
  /** The whole file with the change. */
  readonly text: string;
}

const OTHER_OPERATOR: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.PlusToken]: '-',
  [ts.SyntaxKind.MinusToken]: '+',
};

/** Of their two operands, one alone. */
const ONE_OF_TWO = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

const OTHER_METHOD: Readonly<Record<string, string>> = { some: 'every', every: 'some', find: 'findLast' };
/** Without them the array is what it was. */
const PLAIN_WITHOUT = new Set(['filter', 'sort']);

/** All mutants of a file, in the order of their places. */
export function mutantsOf(fileName: string, text: string): Mutant[] {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.ES2023, true);
  const found: Mutant[] = [];
  const walk = (node: ts.Node, within: string): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    const [start, end] = [node.getStart(source), node.getEnd()];
    for (const replacement of replacements(node, source)) {
      const [before, after] = aroundLiteral(node, text);
      found.push({
        within,
        line: source.getLineAndCharacterOfPosition(start).line + 1,
        from: oneLine(before + text.slice(start, end) + after),
        to: oneLine(before + replacement + after),
        text: text.slice(0, start) + replacement + text.slice(end),
      });
    }
    ts.forEachChild(node, (child) => walk(child, within));
  };
  for (const statement of source.statements) walk(statement, nameOf(statement));
  return found;
}

/** What stands before and after it on its line: many places have the same literal. Nothing for what is more than a literal. */
function aroundLiteral(node: ts.Node, text: string): readonly [string, string] {
  if (!ts.isNumericLiteral(node) && node.kind !== ts.SyntaxKind.TrueKeyword && node.kind !== ts.SyntaxKind.FalseKeyword)
    return ['', ''];
  const lineEnd = text.indexOf('\n', node.getEnd());
  const before = text.slice(text.lastIndexOf('\n', node.getStart()) + 1, node.getStart()).trimStart();
  return [before, text.slice(node.getEnd(), lineEnd === -1 ? undefined : lineEnd)];
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

function nameOf(statement: ts.Statement): string {
  if (ts.isFunctionDeclaration(statement)) return statement.name?.text ?? '';
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations[0]?.name.getText() ?? '';
  return '';
}

function replacements(node: ts.Node, source: ts.SourceFile): string[] {
  const text = (part: ts.Node): string => part.getText(source);
  if (node.kind === ts.SyntaxKind.TrueKeyword) return ['false'];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return ['true'];
  if (ts.isNumericLiteral(node)) return [String(Number(node.text) + 1)];
  if (ts.isBinaryExpression(node)) return ofBinary(node, text);
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) return [text(node.operand)];
  if (ts.isConditionalExpression(node)) return [`(${text(node.whenTrue)})`, `(${text(node.whenFalse)})`];
  if (ts.isIfStatement(node)) {
    const rest = text(node).slice(node.expression.getEnd() - node.getStart(source));
    return [`if (true${rest}`, `if (false${rest}`];
  }
  if (ts.isExpressionStatement(node)) return [';'];
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) return ofMethod(node, text);
  return [];
}

function ofBinary({ left, operatorToken, right }: ts.BinaryExpression, text: (part: ts.Node) => string): string[] {
  const other = OTHER_OPERATOR[operatorToken.kind];
  if (other !== undefined) return [`${text(left)} ${other} ${text(right)}`];
  return ONE_OF_TWO.has(operatorToken.kind) ? [`(${text(left)})`, `(${text(right)})`] : [];
}

function ofMethod(call: ts.CallExpression, text: (part: ts.Node) => string): string[] {
  const { name, expression } = call.expression as ts.PropertyAccessExpression;
  if (PLAIN_WITHOUT.has(name.text)) return [text(expression)];
  const other = OTHER_METHOD[name.text];
  return other === undefined ? [] : [`${text(expression)}.${other}(${call.arguments.map(text).join(', ')})`];
}
