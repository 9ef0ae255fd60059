// Who is asking: what every API needs from the identity service. Embedded in services/identity, or outbound Keystone.

/** The holder of a valid token, as policy sees it. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  readonly userDomainName: string;
  /** Undefined for unscoped, domain and system tokens. */
  readonly projectId: string | undefined;
  readonly projectName: string | undefined;
  readonly projectDomainId: string | undefined;
  readonly domainId: string | undefined;
  readonly system: boolean;
  /** Role names with the implied ones. */
  readonly roles: readonly string[];
  readonly isAdmin: boolean;
  /** Where there are some, the token is good for requests that one of them allows, and for no others. */
  readonly accessRules?: readonly AccessRule[];
}

/** A request that an application credential may make. */
export interface AccessRule {
  /** Type of the service: `compute`. */
  readonly service: string;
  readonly method: string;
  /** Below the service's address; `*` and `{name}` stand for one part of it, `**` for any number. */
  readonly path: string;
}

export interface Identity {
  /** Undefined for a forged, expired or revoked token; never throws for bad input. */
  verify(token: string): Promise<Caller | undefined>;
  /** Whether a project with this id exists now. */
  projectExists(projectId: string): boolean;
}
