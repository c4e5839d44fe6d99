// Package v20170312 stands in for a cloud's SDK, which flannel's backend for that cloud needs to compile and the Go
// module proxy does not serve everywhere. What would call the cloud answers that it can't.
package v20170312

import "errors"

var errAbsent = errors.New("this build of flannel has no SDK of Tencent Cloud: take another backend")

type Client struct{}

func NewClientWithSecretId(_, _, _ string) (*Client, error) { return &Client{}, errAbsent }

type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	RouteId              *uint64
	DestinationCidrBlock *string
	GatewayType          *string
	GatewayId            *string
	RouteType            *string
	Enabled              *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponse struct {
	Response *struct{ RouteTableSet []*RouteTable }
}

type RoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest { return &DescribeRouteTablesRequest{} }

func NewDeleteRoutesRequest() *RoutesRequest { return &RoutesRequest{} }

func NewCreateRoutesRequest() *RoutesRequest { return &RoutesRequest{} }

func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errAbsent
}

func (*Client) DeleteRoutes(*RoutesRequest) (*RoutesRequest, error) { return nil, errAbsent }

func (*Client) CreateRoutes(*RoutesRequest) (*RoutesRequest, error) { return nil, errAbsent }
