import type {
  AnyNode,
  ArrowFunctionExpression,
  AssignmentProperty,
  CatchClause,
  Class,
  ForInStatement,
  ForOfStatement,
  ForStatement,
  Function as FunctionNode,
  Identifier,
  Pattern,
  Property,
  VariableDeclaration,
} from "acorn";

/** What a function refers to that is not its own. */
export interface Outside {
  /** Variables, each once, in order of appearance; `arguments` of an arrow function among them. */
  readonly variables: readonly string[];
  /** `this`, `super`, `new.target` and `import.meta` that mean the surroundings. */
  readonly keywords: readonly string[];
  /** Texts that `import()` is given. */
  readonly imports: readonly string[];
}

/** What test runners and bundlers call an imported module: its members are what the user imported. */
const MODULE_ALIAS = /^__(?:vi_import|vite_ssr_import)_\d+__$|^import_\w+$/;

const IMPORT_META_ALIAS = "__vite_ssr_import_meta__";

/** Finds what the code of a function needs from around it. */
export function findOutside(root: AnyNode): Outside {
  const walk = new Walk();
  walk.visit(root, new Scope(undefined));
  return { variables: [...walk.variables], keywords: [...walk.keywords], imports: walk.imports };
}

class Scope {
  readonly names = new Set<string>();
  readonly #outer: Scope | undefined;
  /** Whether `this` and its like have a meaning of their own here. */
  readonly ownThis: boolean;

  constructor(outer: Scope | undefined, ownThis = outer?.ownThis ?? false) {
    this.#outer = outer;
    this.ownThis = ownThis;
  }

  has(name: string): boolean {
    return this.names.has(name) || (this.#outer?.has(name) ?? false);
  }
}

class Walk {
  readonly variables = new Set<string>();
  readonly keywords = new Set<string>();
  readonly imports: string[] = [];
  /** How many functions deep: the outermost one's `this` is what its caller had, and does not travel. */
  #depth = 0;

  visit(node: AnyNode, scope: Scope): void {
    switch (node.type) {
      case "Identifier":
        this.#refer(node.name, scope);
        break;
      case "ThisExpression":
        this.#keyword("this", scope);
        break;
      case "Super":
        this.#keyword("super", scope);
        break;
      case "MetaProperty":
        if (node.meta.name === "import") this.keywords.add("import.meta");
        else this.#keyword("new.target", scope);
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        this.#function(node, scope);
        break;
      case "ClassDeclaration":
      case "ClassExpression":
        this.#class(node, scope);
        break;
      case "BlockStatement":
        this.#block(node.body, new Scope(scope));
        break;
      case "StaticBlock": {
        const inner = new Scope(scope, true);
        for (const statement of node.body) declareHoisted(statement, inner);
        this.#block(node.body, inner);
        break;
      }
      case "SwitchStatement": {
        this.visit(node.discriminant, scope);
        const inner = new Scope(scope);
        declareLexical(
          node.cases.flatMap((one) => one.consequent),
          inner,
        );
        this.#children(node.cases, inner);
        break;
      }
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
        this.#loop(node, scope);
        break;
      case "CatchClause":
        this.#catch(node, scope);
        break;
      case "MemberExpression":
        this.#member(node, scope);
        break;
      case "Property":
        this.#property(node, scope);
        break;
      case "MethodDefinition":
      case "PropertyDefinition":
        if (node.computed) this.visit(node.key, scope);
        if (node.value) this.visit(node.value, new Scope(scope, true));
        break;
      case "LabeledStatement":
        this.visit(node.body, scope);
        break;
      case "BreakStatement":
      case "ContinueStatement":
        break;
      case "UnaryExpression":
        // `typeof x` is how code asks whether `x` is there.
        if (node.operator === "typeof" && node.argument.type === "Identifier") return;
        this.visit(node.argument, scope);
        break;
      case "ImportExpression":
        if (node.source.type === "Literal") this.imports.push(String(node.source.value));
        this.#children(node, scope);
        break;
      default:
        this.#children(node, scope);
    }
  }

  #refer(name: string, scope: Scope): void {
    if (scope.has(name)) return;
    if (name === IMPORT_META_ALIAS) this.keywords.add("import.meta");
    else this.variables.add(name);
  }

  #keyword(keyword: string, scope: Scope): void {
    if (!scope.ownThis) this.keywords.add(keyword);
  }

  /** All nodes in the properties of a node, or in a list. */
  #children(parent: object, scope: Scope): void {
    for (const value of Object.values(parent)) {
      if (Array.isArray(value)) this.#children(value, scope);
      else if (isNode(value)) this.visit(value, scope);
    }
  }

  #function(node: FunctionNode | ArrowFunctionExpression, scope: Scope): void {
    const arrow = node.type === "ArrowFunctionExpression";
    const inner = new Scope(scope, scope.ownThis || (!arrow && this.#depth > 0));
    if (!arrow) inner.names.add("arguments");
    if (node.id) inner.names.add(node.id.name);
    for (const parameter of node.params) declarePattern(parameter, inner);
    this.#depth++;
    for (const parameter of node.params) this.visit(parameter, inner);
    if (node.body.type === "BlockStatement") {
      declareHoisted(node.body, inner);
      this.#block(node.body.body, inner);
    } else {
      this.visit(node.body, inner);
    }
    this.#depth--;
  }

  #class(node: Class, scope: Scope): void {
    const inner = new Scope(scope);
    if (node.id) inner.names.add(node.id.name);
    if (node.superClass) this.visit(node.superClass, inner);
    for (const member of node.body.body) this.visit(member, inner);
  }

  #block(body: readonly AnyNode[], scope: Scope): void {
    declareLexical(body, scope);
    this.#children(body, scope);
  }

  #loop(node: ForStatement | ForInStatement | ForOfStatement, scope: Scope): void {
    const inner = new Scope(scope);
    const head = node.type === "ForStatement" ? node.init : node.left;
    if (head?.type === "VariableDeclaration") declareVariables(head, inner);
    this.#children(node, inner);
  }

  #catch(node: CatchClause, scope: Scope): void {
    const inner = new Scope(scope);
    if (node.param) {
      declarePattern(node.param, inner);
      this.visit(node.param, inner);
    }
    this.visit(node.body, inner);
  }

  #member(node: AnyNode & { type: "MemberExpression" }, scope: Scope): void {
    const { object, property, computed } = node;
    if (object.type === "Identifier" && !computed && property.type === "Identifier") {
      const alias = MODULE_ALIAS.test(object.name) && !scope.has(object.name);
      const imported = property.name === "default" ? "default import" : property.name;
      this.#refer(alias ? imported : object.name, scope);
    } else {
      this.visit(object, scope);
      if (computed) this.visit(property, scope);
    }
  }

  #property(node: Property | AssignmentProperty, scope: Scope): void {
    if (node.computed) this.visit(node.key, scope);
    const method = node.kind !== "init" || node.method;
    this.visit(node.value, method ? new Scope(scope, true) : scope);
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** `let`, `const`, classes and functions of a block. */
function declareLexical(body: readonly AnyNode[], scope: Scope): void {
  for (const statement of body) {
    if (statement.type === "VariableDeclaration") declareVariables(statement, scope);
    else if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") {
      if (statement.id) scope.names.add(statement.id.name);
    }
  }
}

/** Every `var` of a function, however deep in its blocks. */
function declareHoisted(node: AnyNode, scope: Scope): void {
  if (/Function|Class/.test(node.type)) return;
  if (node.type === "VariableDeclaration" && node.kind === "var") declareVariables(node, scope);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) declareHoisted(child, scope);
  }
}

function declareVariables(declaration: VariableDeclaration, scope: Scope): void {
  for (const { id } of declaration.declarations) declarePattern(id, scope);
}

function declarePattern(pattern: Pattern | Identifier | null, scope: Scope): void {
  switch (pattern?.type) {
    case "Identifier":
      scope.names.add(pattern.name);
      break;
    case "ObjectPattern":
      for (const one of pattern.properties)
        declarePattern(one.type === "Property" ? one.value : one.argument, scope);
      break;
    case "ArrayPattern":
      for (const one of pattern.elements) declarePattern(one, scope);
      break;
    case "AssignmentPattern":
      declarePattern(pattern.left, scope);
      break;
    case "RestElement":
      declarePattern(pattern.argument, scope);
  }
}
